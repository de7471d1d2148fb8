package virtshrink.daemon;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.Eligibility;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.LibvirtDiskHost;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.Patience;

/** The real ones. */
final class LibvirtDomains implements Domains {
    private final Hypervisor hypervisor;
    private final Eligibility eligibility;
    private final DiskHost diskHost;

    LibvirtDomains(Hypervisor hypervisor, Path domainLogDirectory) {
        this.hypervisor = hypervisor;
        this.eligibility = new Eligibility(hypervisor, domainLogDirectory);
        this.diskHost = new LibvirtDiskHost(hypervisor, domainLogDirectory);
    }

    static LibvirtDomains open(String uri, Patience patience) throws LibvirtUnavailableException {
        Hypervisor hypervisor = Hypervisor.open(uri, patience);
        return new LibvirtDomains(hypervisor, hypervisor.domainLogDirectory());
    }

    @Override
    public List<DomainVerdict> all() throws LibvirtUnavailableException {
        return eligibility.judgeAll();
    }

    @Override
    public Optional<DomainVerdict> named(String nameOrUuid) throws LibvirtUnavailableException {
        return eligibility.judge(nameOrUuid);
    }

    @Override
    public Optional<String> whyNotIdle(String nameOrUuid) throws LibvirtUnavailableException {
        return eligibility.whyNotIdle(nameOrUuid);
    }

    @Override
    public Map<String, Path> poolDirectories() throws LibvirtUnavailableException {
        return hypervisor.poolDirectories();
    }

    @Override
    public void changed(Path image) throws LibvirtUnavailableException {
        hypervisor.refreshPoolsHolding(image);
    }

    @Override
    public DiskHost diskHost() {
        return diskHost;
    }

    @Override
    public void close() throws LibvirtUnavailableException {
        hypervisor.close();
    }
}
