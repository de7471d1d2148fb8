package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.inspect.DiskInspection;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.FillProgress;
import virtshrink.shrink.FillRefusedException;
import virtshrink.shrink.FillReport;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Those who do the work behind the commands; tests give others. */
interface Collaborators {
    /** As {@link virtshrink.shrink.ImageInspector} does. */
    DiskInspection inspect(Path image, ImageFormat format, boolean replayJournals)
            throws IOException, ImageRefusedException;

    /** As {@link virtshrink.shrink.Shrinker#run} does. */
    ShrinkReport shrink(ShrinkRequest request, ProgressListener progress, Cancellation cancellation);

    /** As {@link virtshrink.shrink.Shrinker#runTogether} does. */
    List<ShrinkReport> shrinkTogether(List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation);

    /** As {@link virtshrink.shrink.ClassicalFiller#fill} does. */
    FillReport fill(Path directory, boolean force, FillProgress progress, Cancellation cancellation)
            throws IOException, FillRefusedException, RunCancelledException;

    /**
     * Asks the daemon of this host.
     *
     * @return empty if there is none
     * @throws IOException if there is one, and this user cannot reach it
     */
    Optional<ControlClient> daemon(Request request) throws IOException;

    /**
     * Adds a run to this host's history.
     *
     * @return why it is not there, where the user should know
     */
    Optional<String> remember(DiskRun run);

    /** Connects to a hypervisor. */
    Domains domains(String uri) throws LibvirtUnavailableException;
}
