package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.mount.HostKernel;
import virtshrink.mount.KernelFilesystem;
import virtshrink.mount.MountedVolume;
import virtshrink.mount.StillAttachedException;
import virtshrink.os.FileStatus;
import virtshrink.os.Hosts;
import virtshrink.os.Hosts.FilesystemSpace;
import virtshrink.os.OpenFile;
import virtshrink.shrink.Cancellation.RunCancelledException;

/**
 * Frees the free space of filesystems that have no reader: mounted by the host's kernel from the run's overlay, filled with zeros, emptied again.
 * Before that, and from the untouched image, all of the filesystem's content is recorded; afterwards it must be found the same. For one thread.
 *
 * <p>Only what was closed is mounted, and only where nothing on the guest's disks speaks for a suspended guest, which would miss what is changed
 * here. Up to the first writing mount a volume with which anything is wrong is left alone; from then on the run fails, and the overlay goes.
 */
final class MountingFiller {
    private static final int SECTOR_BYTES = 512;
    /** Files may share what they hold, or have holes; a guest may also make up sizes. */
    private static final int MOST_CONTENT = 4;

    private static final long LEAST_CONTENT_BYTES = 1L << 30;
    /** What a filesystem may keep for itself after it was full: a longer table, a larger tree. */
    private static final int KEPT_DIVISOR = 512;

    private static final long KEPT_BYTES = 1L << 20;
    /** Longer than a slow disk takes for what the filler lets gather in memory. */
    private static final Duration STALL_LIMIT = Duration.ofMinutes(10);

    private final ImageWork work;
    private final HostKernel kernel;
    private final Cancellation cancellation;
    private final PhaseClock clock;
    private final List<String> notes;

    /** @param notes takes what the user should know */
    MountingFiller(ImageWork work, HostKernel kernel, Cancellation cancellation, PhaseClock clock, List<String> notes) {
        this.work = work;
        this.kernel = kernel;
        this.cancellation = cancellation;
        this.clock = clock;
        this.notes = notes;
    }

    /**
     * What is to be mounted, and what it may give back; for that each volume of the untouched image is mounted, only to be read.
     *
     * @param otherDisksObjection what the guest's other disks say against it
     * @throws ImageRefusedException if there is something, and this host cannot do it
     */
    MountPlan plan(InspectedDisk disk, ShrinkRequest request, Optional<String> otherDisksObjection)
            throws IOException, ImageRefusedException, RunCancelledException {
        List<FilesystemFinding> candidates = candidates(disk.inspection(), request);
        if (candidates.isEmpty()) {
            return MountPlan.NONE;
        }
        Optional<String> objection = objection(disk.inspection()).or(() -> otherDisksObjection);
        if (objection.isPresent()) {
            candidates.forEach(finding -> leftAlone(finding.device(), objection.get()));
            return MountPlan.NONE;
        }
        if (request.dryRun()) {
            candidates.forEach(finding ->
                    notes.add("%s (%s) is mounted and filled in a real run; what that gives back is not known before"
                            .formatted(finding.device(), finding.identity().type())));
            return MountPlan.NONE;
        }
        Optional<String> impossible = kernel.objection();
        if (impossible.isPresent()) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_FILESYSTEM,
                    "%s (%s) cannot be mounted on this host: %s"
                            .formatted(
                                    candidates.get(0).device(),
                                    candidates.get(0).identity().type(),
                                    impossible.get()));
        }
        List<MountPlan.Volume> volumes = new ArrayList<>();
        for (FilesystemFinding finding : candidates) {
            KernelFilesystem filesystem =
                    kernel.filesystem(finding.identity().type()).orElseThrow();
            long held = disk.ownData().intersect(RangeSet.of(finding.place())).totalBytes();
            try {
                FilesystemSpace space =
                        readOnly(work.original(), finding.place(), filesystem, (root, watch) -> Hosts.space(root));
                long unused = held - (space.totalBytes() - space.freeBytes());
                volumes.add(new MountPlan.Volume(
                        finding.device(),
                        finding.place(),
                        filesystem,
                        Math.max(0, Math.min(unused, space.freeBytes()))));
            } catch (StillAttachedException worse) {
                throw worse;
            } catch (IOException problem) {
                cancellation.checkpoint();
                leftAlone(finding.device(), String.valueOf(problem.getMessage()));
            }
        }
        return new MountPlan(volumes);
    }

    private List<FilesystemFinding> candidates(DiskInspection inspection, ShrinkRequest request) {
        return inspection.filesystems().stream()
                .filter(finding -> finding.state() instanceof FilesystemState.Unsupported unsupported
                        && unsupported.closed()
                        && kernel.filesystem(finding.identity().type()).isPresent())
                .filter(finding -> !request.ignore().contains(finding.device())
                        && !request.zero().contains(finding.device()))
                .filter(this::canBeADevice)
                .toList();
    }

    private boolean canBeADevice(FilesystemFinding finding) {
        boolean wholeSectors = finding.place().startBytes() % SECTOR_BYTES == 0
                && finding.place().lengthBytes() % SECTOR_BYTES == 0;
        if (!finding.inOnePiece() || !wholeSectors) {
            leftAlone(finding.device(), "it does not lie on this disk in one piece");
            return false;
        }
        return true;
    }

    /** The kernel changes more than free blocks: everybody who may hold an older state of the volume in mind forbids it. */
    private Optional<String> objection(DiskInspection inspection) {
        Optional<String> notOver = inspection.doubt().or(inspection::unfinished).or(inspection::hidingPlace);
        if (notOver.isPresent()) {
            return notOver;
        }
        if (inspection.anyDirty()) {
            return Optional.of("another filesystem of the guest is not clean");
        }
        boolean bitmaps =
                work.facts().qcow2().map(qcow2 -> !qcow2.bitmaps().isEmpty()).orElse(false);
        return bitmaps
                ? Optional.of("the image has persistent bitmaps, which would not tell a backup of what changes")
                : Optional.empty();
    }

    private void leftAlone(String device, String why) {
        notes.add(device + " is not mounted and filled: " + why);
    }

    /**
     * Fills the volumes.
     *
     * @param overlay nobody serves it now
     * @return the places that were written to; nothing but free space, and what the filesystem says of it, differs there
     * @throws IOException if anything went wrong after the first writing mount: the overlay must not be used
     * @throws StillAttachedException if the host's kernel does not give a volume up
     */
    RangeSet fill(ImageNode overlay, MountPlan plan) throws IOException, RunCancelledException {
        RangeSet written = RangeSet.empty();
        for (MountPlan.Volume volume : plan.volumes()) {
            Path manifest = host().directory().resolve("manifest");
            try {
                Optional<FilesystemSpace> before = record(volume, manifest);
                if (before.isPresent()) {
                    written = written.union(RangeSet.of(volume.place()));
                    Optional<Long> filledBytes = fill(overlay, volume);
                    // Also when the kernel would not have it written to: it may have tried.
                    requireSame(overlay, volume, manifest, before.get());
                    filledBytes.ifPresent(filled -> notes.add(
                            "%s (%s) was mounted and %d MiB of zeros were written; all its files were compared with those before"
                                    .formatted(
                                            volume.device(), volume.filesystem().type(), filled >> 20)));
                }
            } finally {
                Files.deleteIfExists(manifest);
            }
        }
        return written;
    }

    private Optional<FilesystemSpace> record(MountPlan.Volume volume, Path manifest)
            throws IOException, RunCancelledException {
        try {
            return Optional.of(readOnly(work.original(), volume, (root, watch) -> {
                new TreeManifest(root, mostContentBytes(volume), cancellation, watch::alive).write(manifest);
                return Hosts.space(root);
            }));
        } catch (StillAttachedException worse) {
            throw worse;
        } catch (IOException problem) {
            cancellation.checkpoint();
            leftAlone(volume.device(), String.valueOf(problem.getMessage()));
            return Optional.empty();
        }
    }

    private static long mostContentBytes(MountPlan.Volume volume) {
        return volume.place().lengthBytes() * MOST_CONTENT + LEAST_CONTENT_BYTES;
    }

    /** Empty if the kernel does not let it be written to. */
    private Optional<Long> fill(ImageNode overlay, MountPlan.Volume volume) throws IOException, RunCancelledException {
        long share = Math.max(1, volume.gainBytes());
        cancellation.checkpoint();
        MountedVolume mounted;
        try {
            mounted = kernel.mount(host(), overlay, volume.place(), volume.filesystem(), true);
        } catch (StillAttachedException worse) {
            throw worse;
        } catch (IOException refused) {
            cancellation.checkpoint();
            leftAlone(volume.device(), String.valueOf(refused.getMessage()));
            return Optional.empty();
        }
        return Optional.of(on(mounted, (root, watch) -> {
            FileStatus before = FileStatus.of(root);
            FillReport report = fillCompletely(root, share, watch);
            // Where a file needs a name before it can lose it, the root directory has changed for a moment.
            if (FileStatus.of(root).mtimeSeconds() != before.mtimeSeconds()
                    || FileStatus.of(root).mtimeNanos() != before.mtimeNanos()) {
                try (OpenFile directory = OpenFile.directory(root)) {
                    directory.inode().setModificationTime(before.mtimeSeconds(), before.mtimeNanos());
                }
            }
            return report.bytesWritten();
        }));
    }

    private FillReport fillCompletely(Path root, long expectedBytes, StallWatch watch)
            throws IOException, RunCancelledException {
        try {
            return ClassicalFiller.inAGuestsFilesystem()
                    .fill(
                            root,
                            (written, expected) -> {
                                watch.alive();
                                clock.bytesOf(Math.max(expectedBytes, expected)).accept(written);
                            },
                            cancellation);
        } catch (FillRefusedException refused) {
            throw new IOException(refused.getMessage(), refused);
        }
    }

    private void requireSame(ImageNode overlay, MountPlan.Volume volume, Path manifest, FilesystemSpace before)
            throws IOException, RunCancelledException {
        FilesystemSpace after = readOnly(overlay, volume, (root, watch) -> {
            try {
                new TreeManifest(root, mostContentBytes(volume), cancellation, watch::alive).requireSame(manifest);
            } catch (IOException difference) {
                throw new IOException(
                        "verification failed: after %s was mounted and filled, %s"
                                .formatted(volume.device(), difference.getMessage()),
                        difference);
            }
            return Hosts.space(root);
        });
        long tolerated = Math.max(KEPT_BYTES, before.totalBytes() / KEPT_DIVISOR);
        if (after.freeBytes() < before.freeBytes() - tolerated || after.totalBytes() != before.totalBytes()) {
            throw new IOException(
                    "verification failed: after %s was mounted and filled, %d of %d bytes are free; before, %d of %d"
                            .formatted(
                                    volume.device(),
                                    after.freeBytes(),
                                    after.totalBytes(),
                                    before.freeBytes(),
                                    before.totalBytes()));
        }
    }

    private interface Action<T> {
        T on(Path root, StallWatch watch) throws IOException, RunCancelledException;
    }

    private <T> T readOnly(ImageNode disk, MountPlan.Volume volume, Action<T> action)
            throws IOException, RunCancelledException {
        return readOnly(disk, volume.place(), volume.filesystem(), action);
    }

    private <T> T readOnly(ImageNode disk, ByteRange place, KernelFilesystem filesystem, Action<T> action)
            throws IOException, RunCancelledException {
        cancellation.checkpoint();
        return on(kernel.mount(host(), disk, place, filesystem, false), action);
    }

    /** What cannot be undone is worse than whatever led to it, and must not be hidden behind it. */
    private <T> T on(MountedVolume volume, Action<T> action) throws IOException, RunCancelledException {
        HostDevices host = host();
        // Without its server the device answers with errors, and whoever waits for it goes on.
        StallWatch watch =
                StallWatch.start(STALL_LIMIT, () -> host.children().killAll("a mounted volume does not answer"));
        try {
            T result = action.on(volume.root(), watch);
            volume.unmount();
            return result;
        } catch (IOException problem) {
            if (watch.stalled()) {
                throw new IOException(
                        "a mounted volume did not answer within %d s and was given up: %s"
                                .formatted(STALL_LIMIT.toSeconds(), problem.getMessage()),
                        problem);
            }
            throw problem;
        } finally {
            watch.close();
            volume.close();
        }
    }

    private HostDevices host() {
        return work.hostDevices();
    }
}
