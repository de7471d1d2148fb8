package virtshrink.job;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.Originals;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** What a run on a domain needs of the process it happens in. */
public interface Surroundings {
    /** As {@link virtshrink.shrink.Shrinker#runTogether} does. */
    List<ShrinkReport> shrinkTogether(List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation);

    /** Where it is written down which originals are kept. */
    Originals originals();

    /** An image was replaced: its storage pool should look again. */
    void changed(Path image) throws LibvirtUnavailableException;

    /**
     * Writes an entry into the history.
     *
     * @return why it is not there, as a note for the user, where that is worth one
     */
    Optional<String> remember(DiskRun run);

    /** The time for entries of the history. */
    Instant now();
}
