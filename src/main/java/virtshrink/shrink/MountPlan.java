package virtshrink.shrink;

import java.util.ArrayList;
import java.util.List;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.mount.KernelFilesystem;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/**
 * Which volumes a run mounts and fills. Immutable.
 *
 * @param volumes in the order of the inspection
 */
record MountPlan(List<Volume> volumes) {
    /** Nothing is mounted. */
    static final MountPlan NONE = new MountPlan(List.of());

    /** Metadata, and the clusters in which used and free blocks meet; the space is watched besides. */
    private static final int OVERLAY_DIVISOR = 32;

    private static final long OVERLAY_BYTES = 16L << 20;

    MountPlan {
        volumes = List.copyOf(volumes);
    }

    /**
     * One of them.
     *
     * @param device as the inspection names it
     * @param place on the disk
     * @param gainBytes what the image holds there and the filesystem does not count as used: about what filling it gives back
     */
    record Volume(String device, ByteRange place, KernelFilesystem filesystem, long gainBytes) {}

    boolean isEmpty() {
        return volumes.isEmpty();
    }

    /** What is expected of all of them. */
    long gainBytes() {
        return volumes.stream().mapToLong(Volume::gainBytes).sum();
    }

    /** An estimate of what the overlay takes for it. */
    long overlayBytes() {
        return volumes.stream()
                .mapToLong(volume -> volume.place().lengthBytes() / OVERLAY_DIVISOR + OVERLAY_BYTES)
                .sum();
    }

    /** Where they lie. */
    RangeSet places() {
        return RangeSet.of(volumes.stream().map(Volume::place).toArray(ByteRange[]::new));
    }

    /** The same gains with those of these volumes. */
    List<FilesystemGain> gains(List<FilesystemGain> others) {
        List<FilesystemGain> all = new ArrayList<>();
        for (FilesystemGain gain : others) {
            all.add(volumes.stream()
                    .filter(volume -> volume.device().equals(gain.device()))
                    .map(volume -> new FilesystemGain(volume.device(), volume.gainBytes()))
                    .findFirst()
                    .orElse(gain));
        }
        return all;
    }
}
