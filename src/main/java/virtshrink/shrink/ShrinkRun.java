package virtshrink.shrink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.image.CompanionImage;
import virtshrink.image.ImageJudge;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.RunDirectory;
import virtshrink.inspect.ClosedVolumes;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.DiskInspector;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.mount.StillAttachedException;
import virtshrink.shrink.Cancellation.RunCancelledException;

/** One run on one disk, step by step. Used once, by one thread. */
final class ShrinkRun {
    private static final Logger LOG = LoggerFactory.getLogger(ShrinkRun.class);

    private final RunDirectory runs;
    private final RunSetting setting;
    private final ShrinkRequest request;
    private final RunContext context;
    private final Mounting mounting;
    private final Cancellation cancellation;
    private final PhaseClock clock;
    private final List<String> notes = new ArrayList<>();

    private FileSize before = FileSize.NONE;
    private FileSize after = FileSize.NONE;
    private DiskInspector inspector = DiskInspector.standard();
    private Optional<InspectedDisk> inspected = Optional.empty();
    private MountPlan mounts = MountPlan.NONE;
    /** What a failure means for the image, until a step changes it. */
    private String untouched = "the original is untouched";

    ShrinkRun(
            RunDirectory runs,
            ShrinkRequest request,
            RunContext context,
            Restraint restraint,
            Mounting mounting,
            ProgressListener progress,
            Cancellation cancellation) {
        this.runs = runs;
        this.request = request;
        this.context = context;
        this.mounting = mounting;
        this.cancellation = cancellation;
        this.clock = new PhaseClock(progress);
        this.setting = new RunSetting(
                request,
                request.output().map(ShrinkRun::resolved),
                restraint,
                cancellation,
                new DiskOwner(request, context.companions(), cancellation),
                clock,
                notes);
    }

    /** The directory with its symbolic links resolved; as named if it does not exist, which shows soon enough. */
    private static Path resolved(Path output) {
        Path absolute = output.toAbsolutePath().normalize();
        Path name = Optional.ofNullable(absolute.getFileName()).orElse(absolute);
        try {
            return absolute.resolveSibling(".").toRealPath().resolve(name);
        } catch (IOException missing) {
            return absolute;
        }
    }

    ShrinkReport run() {
        RunEnd end;
        try {
            end = work();
        } catch (RunCancelledException cancelled) {
            end = new RunEnd(cancellation.cause(), words(cancelled));
        } catch (ImageRefusedException refused) {
            // A guest that is let in shows everywhere: in libvirt's answer, in its locks.
            end = cancellation
                    .reason()
                    .map(why -> new RunEnd(cancellation.cause(), why))
                    .orElseGet(() -> new RunEnd(Cause.of(refused), words(refused)));
        } catch (StillAttachedException problem) {
            // Whatever else happened: somebody has to look after the host.
            LOG.error("the run on {} could not undo what it did to this host", request.image(), problem);
            end = new RunEnd(Cause.FAULT, words(problem) + "; " + untouched);
        } catch (IOException | UncheckedIOException problem) {
            // Children are killed when a run is cancelled: what fails then is the cancellation.
            end = cancellation
                    .reason()
                    .map(why -> new RunEnd(cancellation.cause(), why))
                    .orElseGet(() -> new RunEnd(Cause.FAULT, words(problem) + "; " + untouched));
            LOG.debug("run on {} ended by an exception", request.image(), problem);
        } catch (RuntimeException bug) {
            LOG.error("internal error in the run on {}", request.image(), bug);
            end = new RunEnd(Cause.INTERNAL_ERROR, "internal error: " + bug + "; " + untouched);
        }
        clock.stop();
        return report(end);
    }

    private static String words(Exception exception) {
        return String.valueOf(exception.getMessage());
    }

    private ShrinkReport report(RunEnd end) {
        return new ShrinkReport(
                request.image(),
                request.target(),
                before,
                after,
                inspected.map(disk -> disk.plan().reclaimableBytes()).orElse(0L) + mounts.gainBytes(),
                end.cause(),
                end.reason(),
                clock.phases(),
                inspected.map(InspectedDisk::inspection),
                mounts.gains(inspected.map(disk -> disk.plan().gains()).orElse(List.of())),
                notes);
    }

    private RunEnd work() throws IOException, ImageRefusedException, RunCancelledException {
        clock.enter(Phase.JUDGE);
        cancellation.checkpoint();
        requirePossible();
        chooseInspector();
        try (ImageWork work = ImageWork.begin(runs, request.image(), request.format(), terms(), setting.owner())) {
            notes.addAll(work.notes());
            before = FileSize.of(work.spaceTaken());
            if (backup(work).isPresent()) {
                ImageWork.refuseIfExists(backup(work).get());
            }
            after = before;
            inspected = Optional.of(InspectedDisk.of(view(work), context, clock));
            noteCompanions();
            noteReplays(inspected.get().inspection());
            InspectedDisk disk = inspected.get();
            notes.addAll(disk.plan().notes());
            cancellation.checkpoint();
            MountingFiller filler = new MountingFiller(work, mounting.kernel(), cancellation, clock, notes);
            if (DiskView.mounts(request)) {
                mounts = filler.plan(disk, request, context.mountObjection());
            }
            Optional<RunEnd> early = endAfterEstimate(disk);
            if (early.isPresent()) {
                return early.get();
            }
            if (request.inPlace()) {
                return discardInPlace(work, disk);
            }
            Replacement replacement = new Replacement(setting, view(work), disk, before, backup(work), mounts, filler);
            try {
                return replacement.run();
            } finally {
                after = replacement.after();
            }
        }
    }

    private void chooseInspector() {
        Optional<String> whyNoReplay = DiskView.whyNoReplay(request);
        whyNoReplay.ifPresent(why -> notes.add("no journal is replayed: " + why));
        inspector = DiskView.inspector(
                request.replayJournals() && whyNoReplay.isEmpty(),
                DiskView.mounts(request) ? mounting.closedVolumes() : ClosedVolumes.NONE);
    }

    private DiskView view(ImageWork work) {
        return view(work, cancellation);
    }

    private DiskView view(ImageWork work, Cancellation endedBy) {
        return new DiskView(work, request, inspector, context.companions(), endedBy);
    }

    private void noteCompanions() {
        if (!context.companions().isEmpty()) {
            notes.add("what lies on it was looked at together with "
                    + context.companions().stream()
                            .map(disk -> disk.target().orElse(disk.image().toString()))
                            .collect(Collectors.joining(", ")));
        }
    }

    private void noteReplays(DiskInspection inspection) {
        for (FilesystemFinding finding : inspection.filesystems()) {
            finding.replayed().ifPresent(what -> notes.add(finding.device() + ": " + what));
        }
    }

    private ImageWork.Terms terms() {
        Optional<Path> output = setting.output();
        ImageJudge.Policy policy = output.isPresent() ? ImageJudge.Policy.SEPARATE_OUTPUT : ImageJudge.Policy.REPLACE;
        List<CompanionImage> companions = context.companions().stream()
                .map(disk -> new CompanionImage(disk.image(), disk.format()))
                .toList();
        return new ImageWork.Terms(
                request.dryRun(),
                output,
                Optional.of(policy),
                setting.restraint().pace(),
                companions);
    }

    private void requirePossible() throws ImageRefusedException {
        if (DiskView.mounts(request) && request.inPlace()) {
            throw new ImageRefusedException(
                    "nothing is mounted of the image itself, so --filler mount does not go with --in-place");
        }
        if (setting.output().isPresent()) {
            ImageWork.refuseIfExists(setting.output().get());
        }
        if (context.suspended().isPresent()) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.CONTENT, context.suspended().get());
        }
    }

    /** Beside the file itself, not beside a symbolic link to it. */
    private Optional<Path> backup(ImageWork work) {
        return request.keepOriginalSuffix()
                .map(suffix -> work.file().resolveSibling(work.file().getFileName() + suffix));
    }

    /** Whether there is nothing worth doing, or nothing was to be done. */
    private Optional<RunEnd> endAfterEstimate(InspectedDisk disk) {
        long gain = disk.plan().reclaimableBytes() + mounts.gainBytes();
        boolean worthIt = request.minimumGain().isMetBy(gain, before.allocatedBytes());
        Cause cause = Cause.ofEstimate(gain, worthIt);
        if (request.dryRun()) {
            return Optional.of(new RunEnd(cause, "dry run: nothing was written"));
        }
        if (worthIt || mustRebuild()) {
            return Optional.empty();
        }
        return Optional.of(new RunEnd(
                cause,
                gain == 0 ? "free space holds no data" : "the gain of %d bytes is below the minimum".formatted(gain)));
    }

    /** Asked for whatever the estimate says. */
    private boolean mustRebuild() {
        return setting.output().isPresent()
                || setting.target() != request.format()
                || request.compress()
                || !request.createOptions().isEmpty()
                || request.filler() == ShrinkRequest.Filler.NONE;
    }

    private RunEnd discardInPlace(ImageWork work, InspectedDisk disk)
            throws IOException, ImageRefusedException, RunCancelledException {
        InPlaceDiscard.requirePossible(work);
        clock.enter(Phase.ZERO);
        cancellation.checkpoint();
        untouched = "only free blocks of the image have been written; run qemu-img check on it";
        boolean complete;
        try {
            complete = new InPlaceDiscard(work, request, disk.plan(), cancellation).run(clock);
        } finally {
            after = FileSize.of(work.spaceTaken());
        }
        clock.enter(Phase.VERIFY);
        // What was stopped in the middle is looked at all the same: its own cancellation does not end that.
        InPlaceDiscard.verify(view(work, new Cancellation()), disk);
        if (!complete) {
            notes.add("the image is whole; part of its free space has been given back");
            return new RunEnd(cancellation.cause(), cancellation.reason().orElse("the run was cancelled"));
        }
        return after.allocatedBytes() < before.allocatedBytes()
                ? new RunEnd(Cause.DONE, "")
                : new RunEnd(Cause.NO_SMALLER, "discarding the free space has made the file no smaller");
    }
}
