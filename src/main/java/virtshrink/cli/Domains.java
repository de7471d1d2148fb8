package virtshrink.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;

/** The domains of one hypervisor and which of their disks may be shrunk. */
interface Domains extends AutoCloseable {
    /** Every domain. */
    List<DomainVerdict> all() throws LibvirtUnavailableException;

    /** One domain by name or UUID; empty if there is none. */
    Optional<DomainVerdict> named(String nameOrUuid) throws LibvirtUnavailableException;

    /** What libvirt knows of one domain by name or UUID, not judged; empty if there is none. */
    Optional<DomainRecord> record(String nameOrUuid) throws LibvirtUnavailableException;

    /** As {@link virtshrink.libvirt.Hypervisor#storePolicy} does. */
    Optional<String> storePolicy(DomainRecord domain, DomainPolicy policy) throws LibvirtUnavailableException;

    /** By the pools' names, symbolic links resolved. */
    Map<String, Path> poolDirectories() throws LibvirtUnavailableException;

    /** Tells the storage pools that a file in them has changed. */
    void changed(Path image) throws LibvirtUnavailableException;

    /** For what is done with originals. */
    DiskHost diskHost();

    @Override
    void close() throws LibvirtUnavailableException;
}
