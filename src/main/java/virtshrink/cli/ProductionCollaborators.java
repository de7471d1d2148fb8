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
import virtshrink.shrink.ClassicalFiller;
import virtshrink.shrink.FillProgress;
import virtshrink.shrink.FillRefusedException;
import virtshrink.shrink.FillReport;
import virtshrink.shrink.ImageInspector;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.Shrinker;

/** The real ones, each made when first needed: {@code --help} must not wait for libvirt. */
final class ProductionCollaborators implements Collaborators {
    private static final int SECTOR_BYTES = 512;

    @Override
    public DiskInspection inspect(Path image, ImageFormat format, boolean replayJournals)
            throws IOException, ImageRefusedException {
        return new ImageInspector().inspect(image, format, SECTOR_BYTES, replayJournals);
    }

    @Override
    public ShrinkReport shrink(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
        return new Shrinker().run(request, progress, cancellation);
    }

    @Override
    public List<ShrinkReport> shrinkTogether(
            List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        return new Shrinker().runTogether(disks, progress, cancellation);
    }

    @Override
    public FillReport fill(Path directory, boolean force, FillProgress progress, Cancellation cancellation)
            throws IOException, FillRefusedException, RunCancelledException {
        return new ClassicalFiller(force).fill(directory, progress, cancellation);
    }

    @Override
    public Optional<ControlClient> daemon(Request request) throws IOException {
        return new DaemonSocket(DaemonSocket.places()).ask(request);
    }

    @Override
    public Optional<String> remember(DiskRun run) {
        return new HostHistory(HostHistory.directory()).remember(run);
    }

    @Override
    public Domains domains(String uri) throws LibvirtUnavailableException {
        return new LibvirtDomains(uri);
    }
}
