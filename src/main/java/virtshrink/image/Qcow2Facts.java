package virtshrink.image;

import java.util.List;
import java.util.Optional;

/**
 * The properties of a qcow2 image that its successor must have too.
 *
 * @param clusterBytes 512 to 2 MiB, a power of two
 * @param compat {@code 0.10} or {@code 1.1}
 * @param refcountBits 1 to 64, a power of two
 * @param compressionType {@code zlib} or {@code zstd}
 * @param backing as written into the header
 * @param bitmaps persistent ones
 * @param snapshots internal ones
 * @param check of the image as it was found
 */
public record Qcow2Facts(
        int clusterBytes,
        String compat,
        int refcountBits,
        boolean lazyRefcounts,
        boolean extendedL2,
        String compressionType,
        Optional<BackingReference> backing,
        List<PersistentBitmap> bitmaps,
        int snapshots,
        ImageCheck check) {
    /** qemu's extended L2 entries divide every cluster into this many subclusters. */
    private static final int SUBCLUSTERS = 32;

    public Qcow2Facts {
        bitmaps = List.copyOf(bitmaps);
    }

    static Qcow2Facts of(Qcow2Header header, Optional<BackingReference> backing, ImageInfo info, ImageCheck check) {
        return new Qcow2Facts(
                header.clusterBytes(),
                header.version() == 2 ? "0.10" : "1.1",
                1 << header.refcountOrder(),
                (header.compatibleFeatures() & Qcow2Header.LAZY_REFCOUNTS) != 0,
                header.hasIncompatible(Qcow2Header.EXTENDED_L2),
                header.compressionType() == 0 ? "zlib" : "zstd",
                backing,
                info.bitmaps(),
                header.snapshots(),
                check);
    }

    /** Share of the allocated clusters that are compressed, 0 to 1. */
    public double compressedFraction() {
        return check.allocatedClusters() == 0 ? 0 : (double) check.compressedClusters() / check.allocatedClusters();
    }

    /** The unit in which the image can give up space. */
    int unitBytes() {
        return extendedL2 ? clusterBytes / SUBCLUSTERS : clusterBytes;
    }

    /** The {@code -o} values of {@code qemu-img} that give a new image these properties, whatever that version's defaults. */
    List<String> createOptions() {
        if (compat.equals("0.10")) {
            return List.of("compat=0.10", "cluster_size=" + clusterBytes);
        }
        return List.of(
                "compat=1.1",
                "cluster_size=" + clusterBytes,
                "refcount_bits=" + refcountBits,
                "lazy_refcounts=" + onOff(lazyRefcounts),
                "extended_l2=" + onOff(extendedL2),
                "compression_type=" + compressionType);
    }

    private static String onOff(boolean value) {
        return value ? "on" : "off";
    }
}
