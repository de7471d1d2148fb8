package virtshrink.shrink;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import virtshrink.block.RangeSet;
import virtshrink.image.BackgroundCall;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageNode;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.Rebuild;
import virtshrink.image.ReplacementFile;
import virtshrink.image.ServedDisk;
import virtshrink.image.SpaceTaken;
import virtshrink.image.Swap;
import virtshrink.image.SwapCapabilities;
import virtshrink.image.Verification;
import virtshrink.shrink.Cancellation.RunCancelledException;

/** The part of a run that writes, except in place: overlay, zeros, new file, proof, swap. Used once, by one thread. */
final class Replacement {
    private final RunSetting setting;
    private final ShrinkRequest request;
    private final Cancellation cancellation;
    private final PhaseClock clock;
    private final List<String> notes;
    private final ImageWork work;
    private final DiskView view;
    private final InspectedDisk disk;
    private final FileSize before;
    private final Optional<Path> backup;
    private final MountPlan mounts;
    private final MountingFiller filler;
    private FileSize after;

    /**
     * Of one disk.
     *
     * @param before what the image takes now
     * @param backup where the original is kept
     * @param mounts what the filler is to do
     */
    Replacement(
            RunSetting setting,
            DiskView view,
            InspectedDisk disk,
            FileSize before,
            Optional<Path> backup,
            MountPlan mounts,
            MountingFiller filler) {
        this.setting = setting;
        this.request = setting.request();
        this.cancellation = setting.cancellation();
        this.clock = setting.clock();
        this.notes = setting.notes();
        this.work = view.work();
        this.view = view;
        this.disk = disk;
        this.before = before;
        this.backup = backup;
        this.mounts = mounts;
        this.filler = filler;
        this.after = before;
    }

    /** What the image takes when {@link #run} has ended. */
    FileSize after() {
        return after;
    }

    /**
     * Makes the new file and puts it where it belongs.
     *
     * @throws ImageRefusedException if it cannot be, which shows before anything is written, or must not be any more
     */
    RunEnd run() throws IOException, ImageRefusedException, RunCancelledException {
        if (setting.output().isEmpty()
                && setting.target() != ImageFormat.QCOW2
                && work.chain().size() > 1) {
            throw new ImageRefusedException(
                    "as %s it would hold its backing files' content too, for everybody who may read the image now; name an output"
                            .formatted(setting.target().qemuName()));
        }
        SwapCapabilities capabilities = work.probeSwap();
        if (setting.output().isEmpty()
                && !request.allowRename()
                && !(capabilities.exchange() && capabilities.leases())) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_FILESYSTEM,
                    "the filesystem of the image cannot exchange files or tell who has them open; --allow-rename accepts a plain rename");
        }
        Rebuild.Target target = disk.target(work, request, setting.target(), capabilities.reflink());
        try (HostSpace.Claim room = HostSpace.OF_HOST.claim(
                        setting.output().orElse(work.file()),
                        disk.neededBytes(target, before) + mounts.overlayBytes(),
                        setting.restraint().reserve());
                ReplacementFile overlayFile = work.createOverlayFile()) {
            clock.enter(Phase.ZERO);
            ImageNode overlay = work.overlayOn(overlayFile);
            zero(overlay, disk.plan());
            cancellation.checkpoint();
            RangeSet written = fill(overlay, overlayFile, room);
            cancellation.checkpoint();
            try (ReplacementFile newFile = work.createNewFile()) {
                Verification verification =
                        work.verification(overlay, disk.plan().zeroed(), written);
                clock.enter(Phase.REBUILD);
                SpaceWatch watch = SpaceWatch.start(room, newFile.path(), cancellation);
                try {
                    rebuild(target, overlay, newFile, verification);
                } finally {
                    watch.close();
                }
                cancellation.checkpoint();
                // Writing out and comparing wait for different things.
                CompletableFuture<Void> synced =
                        CompletableFuture.runAsync(() -> sync(newFile), Replacement::startThread);
                clock.enter(Phase.VERIFY);
                verify(verification, newFile, target);
                await(synced);
                cancellation.checkpoint();
                clock.enter(Phase.SWAP);
                return finish(newFile, capabilities);
            }
        }
    }

    private void zero(ImageNode overlay, ReclaimPlan plan) throws IOException {
        if (plan.zeroed().isEmpty()) {
            return;
        }
        try (ServedDisk served = work.serveWritable(overlay)) {
            served.writeZeroes(plan.zeroed(), clock.bytesOf(plan.zeroed().totalBytes()));
            served.stop();
        }
    }

    /** While a volume is being filled the overlay grows: by little, if the guest's filesystem is as it should be. */
    private RangeSet fill(ImageNode overlay, ReplacementFile overlayFile, HostSpace.Claim room)
            throws IOException, RunCancelledException {
        if (mounts.isEmpty()) {
            return RangeSet.empty();
        }
        SpaceWatch watch = SpaceWatch.start(room, overlayFile.path(), cancellation);
        try {
            return filler.fill(overlay, mounts);
        } finally {
            watch.close();
        }
    }

    /** The overlay is finished, so that it can be looked at while it is being copied. */
    private void rebuild(Rebuild.Target target, ImageNode overlay, ReplacementFile newFile, Verification verification)
            throws IOException {
        try (BackgroundCall<?> overlayProof = BackgroundCall.startStep("overlay proof", verification::proveOverlay)) {
            work.rebuild(target)
                    .run(overlay, newFile, clock.percentOf(disk.inspection().virtualBytes()));
            overlayProof.join();
        }
    }

    private void verify(Verification verification, ReplacementFile newFile, Rebuild.Target target) throws IOException {
        try (BackgroundCall<?> consistency = BackgroundCall.startStep(
                        "consistency", () -> verification.proveConsistent(newFile, target.format()));
                BackgroundCall<?> freeMap =
                        BackgroundCall.startStep("free map", () -> requireSameFreeMap(verification, newFile, target))) {
            notes.add(verification.proveEqual(
                    newFile,
                    target.format(),
                    target.reflink(),
                    clock.percentOf(disk.inspection().virtualBytes())));
            consistency.join();
            freeMap.join();
        }
    }

    private void requireSameFreeMap(Verification verification, ReplacementFile newFile, Rebuild.Target target)
            throws IOException {
        try (ServedDisk served = verification.serveNew(newFile, target.format())) {
            disk.requireSameIn(served, view);
            served.stop();
        }
    }

    private RunEnd finish(ReplacementFile newFile, SwapCapabilities capabilities)
            throws IOException, ImageRefusedException, RunCancelledException {
        Swap swap = work.swap(capabilities);
        if (setting.output().isPresent()) {
            swap.prepareBeside(newFile, work.chain().size() == 1 || setting.target() == ImageFormat.QCOW2)
                    .ifPresent(notes::add);
            SpaceTaken taken = newFile.spaceTaken();
            requireCompanionsUndisturbed();
            cancellation.passPointOfNoReturn();
            work.giveBack();
            swap.place(newFile, setting.output().get());
            after = FileSize.of(taken);
            return new RunEnd(Cause.DONE, "");
        }
        swap.prepare(newFile);
        SpaceTaken taken = newFile.spaceTaken();
        if (taken.allocatedBytes() >= before.allocatedBytes() && setting.target() == request.format()) {
            return new RunEnd(
                    Cause.NO_SMALLER,
                    "the rebuilt image would take %d bytes, no less than now".formatted(taken.allocatedBytes()));
        }
        setting.owner().requireIdle();
        requireCompanionsUndisturbed();
        cancellation.passPointOfNoReturn();
        try {
            notes.addAll(swap.run(newFile, backup));
        } finally {
            // A guest may be waiting; closing can take longer, when the original was large.
            work.giveBack();
        }
        after = FileSize.of(taken);
        if (setting.target() != request.format()) {
            notes.add("the file is %s now: whoever uses it as %s must be told"
                    .formatted(setting.target().qemuName(), request.format().qemuName()));
        }
        return new RunEnd(Cause.DONE, "");
    }

    private void requireCompanionsUndisturbed() throws IOException, ImageRefusedException {
        Optional<String> disturbed = work.whyCompanionsDisturbed();
        if (disturbed.isPresent()) {
            throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, disturbed.get());
        }
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
