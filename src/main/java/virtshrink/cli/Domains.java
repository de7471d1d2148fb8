package virtshrink.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;

/** The domains of one hypervisor and which of their disks may be shrunk. */
interface Domains extends AutoCloseable {
    /** Every domain. */
    List<DomainVerdict> all() throws LibvirtUnavailableException;

    /** One domain by name or UUID; empty if there is none. */
    Optional<DomainVerdict> named(String nameOrUuid) throws LibvirtUnavailableException;

    /** Tells the storage pools that a file in them has changed. */
    void changed(Path image) throws LibvirtUnavailableException;

    /** For what is done with originals. */
    DiskHost diskHost();

    @Override
    void close() throws LibvirtUnavailableException;
}
