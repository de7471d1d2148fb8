package virtshrink.daemon;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.Eligibility;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.Patience;

/** The real ones. */
final class LibvirtDomains implements Domains {
    private final Hypervisor hypervisor;
    private final Eligibility eligibility;

    LibvirtDomains(Hypervisor hypervisor, Path domainLogDirectory) {
        this.hypervisor = hypervisor;
        this.eligibility = new Eligibility(hypervisor, domainLogDirectory);
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
    public void close() throws LibvirtUnavailableException {
        hypervisor.close();
    }
}
