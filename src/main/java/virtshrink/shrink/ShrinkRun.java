package virtshrink.shrink;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.image.BackgroundCall;
import virtshrink.image.CompanionImage;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageJudge;
import virtshrink.image.ImageNode;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.Rebuild;
import virtshrink.image.ReplacementFile;
import virtshrink.image.RunDirectory;
import virtshrink.image.ServedDisk;
import virtshrink.image.SpaceTaken;
import virtshrink.image.Swap;
import virtshrink.image.SwapCapabilities;
import virtshrink.image.Verification;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.DiskInspector;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.shrink.Cancellation.RunCancelledException;

/** One run on one disk, step by step. Used once, by one thread. */
final class ShrinkRun {
    private static final Logger LOG = LoggerFactory.getLogger(ShrinkRun.class);

    private final RunDirectory runs;
    private final ShrinkRequest request;
    private final RunContext context;
    private final Restraint restraint;
    private final Cancellation cancellation;
    private final DiskOwner owner;
    private final PhaseClock clock;
    private final Optional<Path> output;

    private FileSize before = FileSize.NONE;
    private FileSize after = FileSize.NONE;
    private DiskInspector inspector = DiskInspector.standard();
    private Optional<InspectedDisk> inspected = Optional.empty();
    private final List<String> notes = new ArrayList<>();
    /** What a failure means for the image, until a step changes it. */
    private String untouched = "the original is untouched";

    ShrinkRun(
            RunDirectory runs,
            ShrinkRequest request,
            RunContext context,
            Restraint restraint,
            ProgressListener progress,
            Cancellation cancellation) {
        this.runs = runs;
        this.request = request;
        this.context = context;
        this.restraint = restraint;
        this.cancellation = cancellation;
        this.owner = new DiskOwner(request, context.companions(), cancellation);
        this.clock = new PhaseClock(progress);
        this.output = request.output().map(ShrinkRun::resolved);
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

    /** How a run ended, before it is reported. */
    private record End(Cause cause, String reason) {}

    ShrinkReport run() {
        End end;
        try {
            end = work();
        } catch (RunCancelledException cancelled) {
            end = new End(cancellation.cause(), words(cancelled));
        } catch (ImageRefusedException refused) {
            // A guest that is let in shows everywhere: in libvirt's answer, in its locks.
            end = cancellation
                    .reason()
                    .map(why -> new End(cancellation.cause(), why))
                    .orElseGet(() -> new End(Cause.of(refused), words(refused)));
        } catch (IOException | UncheckedIOException problem) {
            // Children are killed when a run is cancelled: what fails then is the cancellation.
            end = cancellation
                    .reason()
                    .map(why -> new End(cancellation.cause(), why))
                    .orElseGet(() -> new End(Cause.FAULT, words(problem) + "; " + untouched));
            LOG.debug("run on {} ended by an exception", request.image(), problem);
        } catch (RuntimeException bug) {
            LOG.error("internal error in the run on {}", request.image(), bug);
            end = new End(Cause.INTERNAL_ERROR, "internal error: " + bug + "; " + untouched);
        }
        clock.stop();
        return report(end);
    }

    private static String words(Exception exception) {
        return String.valueOf(exception.getMessage());
    }

    private ShrinkReport report(End end) {
        return new ShrinkReport(
                request.image(),
                request.target(),
                before,
                after,
                inspected.map(disk -> disk.plan().reclaimableBytes()).orElse(0L),
                end.cause(),
                end.reason(),
                clock.phases(),
                inspected.map(InspectedDisk::inspection),
                inspected.map(disk -> disk.plan().gains()).orElse(List.of()),
                notes);
    }

    private End work() throws IOException, ImageRefusedException, RunCancelledException {
        clock.enter(Phase.JUDGE);
        cancellation.checkpoint();
        requirePossible();
        chooseInspector();
        try (ImageWork work = ImageWork.begin(runs, request.image(), request.format(), terms(), owner)) {
            notes.addAll(work.notes());
            before = size(work.spaceTaken());
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
            Optional<End> early = endAfterEstimate(disk);
            if (early.isPresent()) {
                return early.get();
            }
            return request.inPlace() ? discardInPlace(work, disk) : rebuild(work, disk);
        }
    }

    private void chooseInspector() {
        Optional<String> whyNoReplay = DiskView.whyNoReplay(request);
        whyNoReplay.ifPresent(why -> notes.add("no journal is replayed: " + why));
        inspector = DiskView.inspector(request.replayJournals() && whyNoReplay.isEmpty());
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
        ImageJudge.Policy policy = output.isPresent() ? ImageJudge.Policy.SEPARATE_OUTPUT : ImageJudge.Policy.REPLACE;
        List<CompanionImage> companions = context.companions().stream()
                .map(disk -> new CompanionImage(disk.image(), disk.format()))
                .toList();
        return new ImageWork.Terms(request.dryRun(), output, Optional.of(policy), restraint.pace(), companions);
    }

    private void requirePossible() throws ImageRefusedException {
        if (request.filler() == ShrinkRequest.Filler.MOUNT) {
            throw new ImageRefusedException(
                    "the mounting filler is not part of this version; mount the disk yourself and use: virt-shrink fill");
        }
        if (output.isPresent()) {
            ImageWork.refuseIfExists(output.get());
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
    private Optional<End> endAfterEstimate(InspectedDisk disk) {
        long gain = disk.plan().reclaimableBytes();
        boolean worthIt = request.minimumGain().isMetBy(gain, before.allocatedBytes());
        Cause cause = Cause.ofEstimate(gain, worthIt);
        if (request.dryRun()) {
            return Optional.of(new End(cause, "dry run: nothing was written"));
        }
        if (worthIt || mustRebuild()) {
            return Optional.empty();
        }
        return Optional.of(new End(
                cause,
                gain == 0 ? "free space holds no data" : "the gain of %d bytes is below the minimum".formatted(gain)));
    }

    /** Asked for whatever the estimate says. */
    private boolean mustRebuild() {
        return output.isPresent()
                || target() != request.format()
                || request.compress()
                || !request.createOptions().isEmpty()
                || request.filler() == ShrinkRequest.Filler.NONE;
    }

    private ImageFormat target() {
        return request.convertTo().orElse(request.format());
    }

    private End rebuild(ImageWork work, InspectedDisk disk)
            throws IOException, ImageRefusedException, RunCancelledException {
        if (output.isEmpty() && target() != ImageFormat.QCOW2 && work.chain().size() > 1) {
            throw new ImageRefusedException(
                    "as %s it would hold its backing files' content too, for everybody who may read the image now; name an output"
                            .formatted(target().qemuName()));
        }
        SwapCapabilities capabilities = work.probeSwap();
        if (output.isEmpty() && !request.allowRename() && !(capabilities.exchange() && capabilities.leases())) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_FILESYSTEM,
                    "the filesystem of the image cannot exchange files or tell who has them open; --allow-rename accepts a plain rename");
        }
        Rebuild.Target target = disk.target(work, request, target(), capabilities.reflink());
        try (HostSpace.Claim room = HostSpace.OF_HOST.claim(
                        output.orElse(work.file()), disk.neededBytes(target, before), restraint.reserve());
                ReplacementFile overlayFile = work.createOverlayFile()) {
            clock.enter(Phase.ZERO);
            ImageNode overlay = work.overlayOn(overlayFile);
            zero(work, overlay, disk.plan());
            cancellation.checkpoint();
            try (ReplacementFile newFile = work.createNewFile()) {
                Verification verification =
                        work.verification(overlay, disk.plan().zeroed());
                clock.enter(Phase.REBUILD);
                SpaceWatch watch = SpaceWatch.start(room, newFile.path(), cancellation);
                try {
                    rebuild(work, disk, target, overlay, newFile, verification);
                } finally {
                    watch.close();
                }
                cancellation.checkpoint();
                // Writing out and comparing wait for different things.
                CompletableFuture<Void> synced =
                        CompletableFuture.runAsync(() -> sync(newFile), ShrinkRun::startThread);
                clock.enter(Phase.VERIFY);
                verify(verification, view(work), disk, newFile, target);
                await(synced);
                cancellation.checkpoint();
                clock.enter(Phase.SWAP);
                return finish(work, newFile, capabilities);
            }
        }
    }

    private void zero(ImageWork work, ImageNode overlay, ReclaimPlan plan) throws IOException {
        if (plan.zeroed().isEmpty()) {
            return;
        }
        try (ServedDisk served = work.serveWritable(overlay)) {
            served.writeZeroes(plan.zeroed(), clock.bytesOf(plan.zeroed().totalBytes()));
            served.stop();
        }
    }

    /** The overlay is finished, so that it can be looked at while it is being copied. */
    private void rebuild(
            ImageWork work,
            InspectedDisk disk,
            Rebuild.Target target,
            ImageNode overlay,
            ReplacementFile newFile,
            Verification verification)
            throws IOException {
        try (BackgroundCall<?> overlayProof = BackgroundCall.startStep("overlay proof", verification::proveOverlay)) {
            work.rebuild(target)
                    .run(overlay, newFile, clock.percentOf(disk.inspection().virtualBytes()));
            overlayProof.join();
        }
    }

    private void verify(
            Verification verification,
            DiskView view,
            InspectedDisk disk,
            ReplacementFile newFile,
            Rebuild.Target target)
            throws IOException {
        try (BackgroundCall<?> consistency = BackgroundCall.startStep(
                        "consistency", () -> verification.proveConsistent(newFile, target.format()));
                BackgroundCall<?> freeMap = BackgroundCall.startStep(
                        "free map", () -> requireSameFreeMap(verification, view, disk, newFile, target))) {
            notes.add(verification.proveEqual(
                    newFile,
                    target.format(),
                    target.reflink(),
                    clock.percentOf(disk.inspection().virtualBytes())));
            consistency.join();
            freeMap.join();
        }
    }

    private static void requireSameFreeMap(
            Verification verification,
            DiskView view,
            InspectedDisk disk,
            ReplacementFile newFile,
            Rebuild.Target target)
            throws IOException {
        try (ServedDisk served = verification.serveNew(newFile, target.format())) {
            disk.requireSameIn(served, view);
            served.stop();
        }
    }

    private End finish(ImageWork work, ReplacementFile newFile, SwapCapabilities capabilities)
            throws IOException, ImageRefusedException, RunCancelledException {
        Swap swap = work.swap(capabilities);
        if (output.isPresent()) {
            swap.prepareBeside(newFile, work.chain().size() == 1 || target() == ImageFormat.QCOW2)
                    .ifPresent(notes::add);
            SpaceTaken taken = newFile.spaceTaken();
            requireCompanionsUndisturbed(work);
            cancellation.passPointOfNoReturn();
            work.giveBack();
            swap.place(newFile, output.get());
            after = size(taken);
            return new End(Cause.DONE, "");
        }
        swap.prepare(newFile);
        SpaceTaken taken = newFile.spaceTaken();
        if (taken.allocatedBytes() >= before.allocatedBytes() && target() == request.format()) {
            return new End(
                    Cause.NO_SMALLER,
                    "the rebuilt image would take %d bytes, no less than now".formatted(taken.allocatedBytes()));
        }
        owner.requireIdle();
        requireCompanionsUndisturbed(work);
        cancellation.passPointOfNoReturn();
        try {
            notes.addAll(swap.run(newFile, backup(work)));
        } finally {
            // A guest may be waiting; closing can take longer, when the original was large.
            work.giveBack();
        }
        after = size(taken);
        if (target() != request.format()) {
            notes.add("the file is %s now: whoever uses it as %s must be told"
                    .formatted(target().qemuName(), request.format().qemuName()));
        }
        return new End(Cause.DONE, "");
    }

    private static void requireCompanionsUndisturbed(ImageWork work) throws IOException, ImageRefusedException {
        Optional<String> disturbed = work.whyCompanionsDisturbed();
        if (disturbed.isPresent()) {
            throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, disturbed.get());
        }
    }

    private End discardInPlace(ImageWork work, InspectedDisk disk)
            throws IOException, ImageRefusedException, RunCancelledException {
        InPlaceDiscard.requirePossible(work);
        clock.enter(Phase.ZERO);
        cancellation.checkpoint();
        untouched = "only free blocks of the image have been written; run qemu-img check on it";
        boolean complete;
        try {
            complete = new InPlaceDiscard(work, request, disk.plan(), cancellation).run(clock);
        } finally {
            after = size(work.spaceTaken());
        }
        clock.enter(Phase.VERIFY);
        // What was stopped in the middle is looked at all the same: its own cancellation does not end that.
        InPlaceDiscard.verify(view(work, new Cancellation()), disk);
        if (!complete) {
            notes.add("the image is whole; part of its free space has been given back");
            return new End(cancellation.cause(), cancellation.reason().orElse("the run was cancelled"));
        }
        return after.allocatedBytes() < before.allocatedBytes()
                ? new End(Cause.DONE, "")
                : new End(Cause.NO_SMALLER, "discarding the free space has made the file no smaller");
    }

    private static FileSize size(SpaceTaken taken) {
        return new FileSize(taken.fileBytes(), taken.allocatedBytes());
    }

    /** One of its own, so that a disk that hangs keeps no other run waiting. */
    private static void startThread(Runnable task) {
        Thread thread = new Thread(task, "sync");
        thread.setDaemon(true);
        thread.start();
    }

    private static void sync(ReplacementFile newFile) {
        try {
            newFile.sync();
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    /** A run that is cancelled meanwhile does not keep its lock until the disk has caught up. */
    private void await(CompletableFuture<Void> synced) throws IOException, RunCancelledException {
        while (true) {
            try {
                synced.get(20, TimeUnit.MILLISECONDS);
                return;
            } catch (TimeoutException notYet) {
                cancellation.checkpoint();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while the new file was written to the disk");
            } catch (ExecutionException failed) {
                throw new IOException("the new file could not be written to the disk: " + failed.getCause(), failed);
            }
        }
    }
}
