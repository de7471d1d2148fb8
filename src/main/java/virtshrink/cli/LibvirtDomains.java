package virtshrink.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.Eligibility;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.LibvirtDiskHost;
import virtshrink.libvirt.LibvirtUnavailableException;

/** The domains of a libvirt connection. */
final class LibvirtDomains implements Domains {
    private final Hypervisor hypervisor;
    private final Eligibility eligibility;
    private final DiskHost diskHost;

    LibvirtDomains(String uri) throws LibvirtUnavailableException {
        this(Hypervisor.open(uri));
    }

    private LibvirtDomains(Hypervisor hypervisor) {
        this(hypervisor, hypervisor.domainLogDirectory());
    }

    LibvirtDomains(Hypervisor hypervisor, Path domainLogDirectory) {
        this.hypervisor = hypervisor;
        this.eligibility = new Eligibility(hypervisor, domainLogDirectory);
        this.diskHost = new LibvirtDiskHost(hypervisor, domainLogDirectory);
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
    public Optional<DomainRecord> record(String nameOrUuid) throws LibvirtUnavailableException {
        return hypervisor.domain(nameOrUuid);
    }

    @Override
    public Optional<String> storePolicy(DomainRecord domain, DomainPolicy policy) throws LibvirtUnavailableException {
        return hypervisor.storePolicy(domain, policy);
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
