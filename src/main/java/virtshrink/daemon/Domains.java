package virtshrink.daemon;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;

/** The domains of this host, over one connection. Every question is asked anew. */
interface Domains extends AutoCloseable {
    /** All of them, judged. */
    List<DomainVerdict> all() throws LibvirtUnavailableException;

    /** One of them; empty if it is gone. */
    Optional<DomainVerdict> named(String nameOrUuid) throws LibvirtUnavailableException;

    /** Why a domain is not at rest, as a sentence; empty if it is. Its disks are not looked at. */
    Optional<String> whyNotIdle(String nameOrUuid) throws LibvirtUnavailableException;

    /** By the pools' names, symbolic links resolved. */
    Map<String, Path> poolDirectories() throws LibvirtUnavailableException;

    /** An image was replaced: its storage pool should look again. */
    void changed(Path image) throws LibvirtUnavailableException;

    /** For what is done with originals. */
    DiskHost diskHost();

    @Override
    void close() throws LibvirtUnavailableException;

    /** Connects. */
    interface Source {
        /** A new connection. */
        Domains open(String uri) throws LibvirtUnavailableException;
    }
}
