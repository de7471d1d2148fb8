package virtshrink.libvirt;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import virtshrink.image.ImagePlace;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** What has to be known of domains by whoever gives a disk another image or removes one that a disk had, and the one thing that is changed. */
public interface DiskHost {
    /** A domain as it is now; empty if there is none of that name or UUID. */
    Optional<DomainRecord> domain(String nameOrUuid) throws LibvirtUnavailableException;

    /** Why the domain is not at rest, as a sentence; empty if it is. */
    Optional<String> whyNotIdle(DomainRecord domain);

    /** Asks anew whether the domain is as idle as when it was judged, and the disk the same. */
    IdleGuard guard(DomainRecord judged, DomainDisk disk);

    /** Who uses a file, as a disk or as the backing file of one, in words; empty if nobody does as far as libvirt knows. */
    Optional<String> userOf(Path file) throws LibvirtUnavailableException;

    /** As {@link #userOf}, leaving out this disk of this domain. */
    Optional<String> otherUserOf(Path file, DomainRecord domain, DomainDisk disk) throws LibvirtUnavailableException;

    /**
     * Whether it is proven that the domain has been started and shut down from within after that instant.
     *
     * @param written whether the guest has written to its image since then
     */
    boolean hasStoppedCleanly(DomainRecord domain, Instant since, boolean written);

    /**
     * Gives a disk another image file in the domain's definition for its next start; nothing else of it changes.
     *
     * @throws RedefinitionRefusedException if the definition does not name the one expected; nothing has changed
     * @throws LibvirtUnavailableException if libvirt failed; the definition is either the old or the new one
     */
    void move(UUID domain, String target, ImagePlace from, ImagePlace to)
            throws LibvirtUnavailableException, RedefinitionRefusedException;

    /** Tells the storage pools that hold the file that something has changed. */
    void changed(Path file) throws LibvirtUnavailableException;
}
