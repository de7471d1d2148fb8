package virtshrink.image;

import java.io.IOException;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import virtshrink.block.RangeSet;

/**
 * Proves, with other means than those that made it, that a new image shows the guest what the original shows, except for zeros in free space.
 * Every failure is an {@link IOException}; the original is untouched then.
 */
public final class Verification {
    private final ImageWork work;
    private final ImageNode overlay;
    private final RangeSet zeroed;

    Verification(ImageWork work, ImageNode overlay, RangeSet zeroed) {
        this.work = work;
        this.overlay = overlay;
        this.zeroed = zeroed;
    }

    /** The overlay itself holds nothing but zeros, and nothing outside the ranges that were to be zeroed. */
    public void proveOverlay() throws IOException {
        try (ServedDisk served = work.serveReadOnly(overlay)) {
            RangeSet held = served.ownLayer();
            RangeSet outside = held.subtract(zeroed);
            if (!outside.isEmpty()) {
                throw new IOException(
                        "verification failed: the overlay holds bytes outside the proven free space, first at offset "
                                + outside.get(0).startBytes());
            }
            RangeSet notZero = held.subtract(served.zeros());
            if (!notZero.isEmpty()) {
                throw new IOException("verification failed: the overlay holds data, first at offset "
                        + notZero.get(0).startBytes());
            }
            served.stop();
        }
    }

    /** The new image is consistent in itself. */
    public void proveConsistent(ReplacementFile newFile, ImageFormat format) throws IOException {
        Optional<ImageCheck> check = work.qemuImg().check(newFile.path(), format);
        if (check.isPresent() && !check.get().sound()) {
            throw new IOException(
                    "verification failed: qemu-img check finds %d corruptions and %d errors in the new image"
                            .formatted(check.get().corruptions(), check.get().checkErrors()));
        }
    }

    /**
     * The guest sees the same in both.
     *
     * @param reflink the new file was made by sharing blocks: equal places on the host's disk are the proof then, and nothing is read
     * @return how it was shown, for the notes
     */
    public String proveEqual(ReplacementFile newFile, ImageFormat format, boolean reflink, DoubleConsumer percent)
            throws IOException {
        if (reflink && sharesAllData(newFile, format)) {
            return "the new image shares all its data with the original's blocks";
        }
        Optional<String> difference = work.qemuImg().difference(overlay, ImageNode.of(newFile.path(), format), percent);
        if (difference.isPresent()) {
            throw new IOException(
                    "verification failed: the new image differs from the original outside its free space: "
                            + difference.get());
        }
        return "every byte outside the free space was compared with the original";
    }

    private boolean sharesAllData(ReplacementFile newFile, ImageFormat format) throws IOException {
        SharingProof.MapCollector before = new SharingProof.MapCollector();
        SharingProof.MapCollector after = new SharingProof.MapCollector();
        work.qemuImg().map(overlay, before::add);
        work.qemuImg().map(ImageNode.of(newFile.path(), format), after::add);
        return before.isComplete()
                && after.isComplete()
                && new SharingProof(work.lock().file(), newFile.file()).holds(before.extents(), after.extents());
    }

    /** Serves the new image as a guest would find it, through its own header. */
    public ServedDisk serveNew(ReplacementFile newFile, ImageFormat format) throws IOException {
        return work.serveReadOnly(ImageNode.of(newFile.path(), format));
    }
}
