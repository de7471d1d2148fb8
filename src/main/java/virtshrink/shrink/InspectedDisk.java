package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.RangeSet;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.Qcow2Facts;
import virtshrink.image.Rebuild;
import virtshrink.image.ServedDisk;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/**
 * What is known of a disk before anything is written.
 *
 * @param inspection after everything that leaves a filesystem alone has been applied
 * @param plan what is given back
 * @param ownData what the image's own layer holds as data
 * @param wholeBytes what the whole chain holds as data
 * @param facts the image's properties, absent for other formats than qcow2
 */
record InspectedDisk(
        DiskInspection inspection, ReclaimPlan plan, RangeSet ownData, long wholeBytes, Optional<Qcow2Facts> facts) {
    /** Tables of the new file: generous, and a constant for the smallest files. */
    private static final long OVERHEAD_DIVISOR = 64;

    private static final long OVERHEAD_BYTES = 16L << 20;
    /** No block of a host filesystem is larger, but for a few kinds of machine. */
    private static final int HOST_BLOCK_BYTES = 4096;

    /** Above this share the original was compressed on purpose. */
    private static final double MOSTLY = 0.5;

    /** Looks at the image through a read-only server and plans. */
    static InspectedDisk of(DiskView view, RunContext context, PhaseClock clock)
            throws IOException, ImageRefusedException {
        ImageWork work = view.work();
        ShrinkRequest request = view.request();
        clock.enter(Phase.ATTACH);
        try (ServedDisk served = work.serveOriginal()) {
            clock.enter(Phase.INSPECT);
            DiskInspection inspection = view.inspect(served);
            Optional<String> doubt = context.doubt().or(request.guard()::unseen);
            if (doubt.isPresent()) {
                inspection = inspection.withSwapLeftAlone(doubt.get());
            } else if (context.unfinished().isPresent()) {
                inspection =
                        inspection.withUnmarkedLeftAlone(context.unfinished().get());
            }
            boolean readers = request.filler() != ShrinkRequest.Filler.NONE;
            if (readers && inspection.refusal().isPresent()) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.CONTENT, inspection.refusal().get());
            }
            Findings.requireNamed(inspection, request);
            clock.enter(Phase.ESTIMATE);
            RangeSet ownData = served.ownData();
            ReclaimPlan plan = ReclaimPlan.of(
                    inspection,
                    readers ? ownData : RangeSet.empty(),
                    work.facts().giveBackUnitBytes(),
                    request.ignore(),
                    request.zero());
            InspectedDisk disk = new InspectedDisk(
                    inspection, plan, ownData, served.dataBytes(), work.facts().qcow2());
            served.stop();
            return disk;
        }
    }

    /** What the new file is to be. */
    Rebuild.Target target(ImageWork work, ShrinkRequest request, ImageFormat format, boolean canReflink)
            throws IOException {
        boolean wasCompressed =
                facts.map(qcow2 -> qcow2.compressedFraction() > MOSTLY).orElse(false);
        boolean anyCompressed =
                facts.map(qcow2 -> qcow2.check().compressedClusters() > 0).orElse(false);
        // Smaller clusters cannot share the host's blocks: they would be copied after all.
        boolean shareable =
                facts.map(qcow2 -> qcow2.clusterBytes() >= HOST_BLOCK_BYTES).orElse(true);
        boolean hasBacking = facts.map(qcow2 -> qcow2.backing().isPresent()).orElse(false);
        boolean sameDirectory = inOneDirectory(work, request);
        boolean compress = format == ImageFormat.QCOW2 && (request.compress() || wasCompressed);
        boolean reflink = canReflink
                && shareable
                && !compress
                && !anyCompressed
                && !hasBacking
                && format == request.format()
                && sameDirectory;
        return new Rebuild.Target(format, compress, reflink, request.createOptions(), sameDirectory);
    }

    /** By the real directories: a relative backing name is looked for there. */
    private static boolean inOneDirectory(ImageWork work, ShrinkRequest request) throws IOException {
        if (request.output().isEmpty()) {
            return true;
        }
        Path output = request.output().get().toAbsolutePath();
        return output.resolveSibling(".")
                .toRealPath()
                .equals(work.file().resolveSibling(".").toRealPath());
    }

    private long ownBytes() {
        return ownData.totalBytes();
    }

    /** An upper bound of what the run writes, in bytes. */
    long neededBytes(Rebuild.Target target, FileSize before) {
        boolean keepsBacking = target.format() == ImageFormat.QCOW2
                && facts.map(qcow2 -> qcow2.backing().isPresent()).orElse(false);
        long content = keepsBacking ? 2 * (ownBytes() - plan.reclaimableBytes()) : wholeBytes - plan.reclaimableBytes();
        if (target.reflink()) {
            content = 0;
        } else if (target.compress() && facts.isPresent() && !keepsBacking) {
            content = Math.min(content, Math.max(before.allocatedBytes(), ownBytes() / 2));
        }
        return content + content / OVERHEAD_DIVISOR + before.allocatedBytes() / OVERHEAD_DIVISOR + OVERHEAD_BYTES;
    }

    /**
     * The same filesystems with the same free space are found on a disk that claims to be the same.
     *
     * @throws IOException if not
     */
    void requireSameIn(ServedDisk other, DiskView view) throws IOException {
        DiskInspection found = view.inspect(other);
        // A comparison of the two takes what one of them lacks at its end for zeros. Some formats round the size up.
        if (found.virtualBytes() < inspection.virtualBytes()) {
            throw new IOException("verification failed: the disk in the new image is smaller, %d bytes instead of %d"
                    .formatted(found.virtualBytes(), inspection.virtualBytes()));
        }
        if (!found.partitionTable().equals(inspection.partitionTable())) {
            throw new IOException("verification failed: the new image has another partition table");
        }
        Map<String, FilesystemFinding> byDevice = new HashMap<>();
        found.filesystems().forEach(finding -> byDevice.put(finding.device(), finding));
        Set<String> givenUp = view.request().zero();
        for (FilesystemFinding expected : inspection.filesystems()) {
            FilesystemFinding present = byDevice.get(expected.device());
            if (givenUp.contains(expected.device())) {
                continue;
            }
            // Swap that was left alone because of another disk reads as usual here; all others must be equal.
            boolean same = present != null
                    && present.place().equals(expected.place())
                    && present.identity().equals(expected.identity())
                    && present.onDisk().equals(expected.onDisk())
                    && (expected.freeBytes().isEmpty()
                            || (present.state().equals(expected.state())
                                    && present.freeOnDisk().equals(expected.freeOnDisk())));
            if (!same) {
                throw new IOException(
                        "verification failed: " + expected.device() + " reads otherwise in the new image");
            }
        }
    }
}
