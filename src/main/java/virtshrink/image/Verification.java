package virtshrink.image;

import java.io.IOException;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/**
 * Proves, with other means than those that made it, that a new image shows the guest what the original shows, except for zeros in free space.
 * Every failure is an {@link IOException}; the original is untouched then. One thread at a time goes through {@link #proveOverlay} and {@link
 * #proveEqual}; the other proofs may run beside them.
 */
public final class Verification {
    private final ImageWork work;
    private final ImageNode overlay;
    private final RangeSet zeroed;
    private final RangeSet written;
    private final SharingProof.MapCollector overlayMap = new SharingProof.MapCollector();

    Verification(ImageWork work, ImageNode overlay, RangeSet zeroed, RangeSet written) {
        this.work = work;
        this.overlay = overlay;
        this.zeroed = zeroed;
        this.written = written;
    }

    /**
     * The overlay itself holds nothing but zeros, and nothing outside the ranges that were to be zeroed, apart from volumes that were written to.
     * May run while the overlay is being read by others.
     */
    public void proveOverlay() throws IOException {
        long diskBytes = work.facts().virtualBytes();
        // A cluster at the edge of such a volume was copied as a whole, and what it holds of the neighbours is
        // compared.
        RangeSet edges = written.alignOutward(work.facts().giveBackUnitBytes(), diskBytes)
                .subtract(written)
                .subtract(zeroed);
        OverlayProof proof = new OverlayProof(zeroed, written.union(edges), diskBytes);
        work.qemuImg().map(overlay, extent -> {
            proof.accept(extent);
            overlayMap.add(extent);
        });
        proof.require();
        if (!edges.isEmpty()) {
            requireSame(edges);
        }
    }

    /** To be called for few bytes: every cluster is read. */
    private void requireSame(RangeSet ranges) throws IOException {
        try (ServedDisk one = work.serveReadOnlyBeside(work.original(), "edges-1.sock");
                ServedDisk other = work.serveReadOnlyBeside(overlay, "edges-2.sock")) {
            for (ByteRange range : ranges) {
                int length = Math.toIntExact(range.lengthBytes());
                if (!one.bytes()
                        .read(range.startBytes(), length)
                        .equals(other.bytes().read(range.startBytes(), length))) {
                    throw new IOException(
                            "verification failed: the overlay differs from the original beside a volume that was written to, within "
                                    + length + " bytes from offset " + range.startBytes());
                }
            }
            one.stop();
            other.stop();
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
     * The guest sees the same in both. To be called when {@link #proveOverlay} has ended well.
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
        SharingProof.MapCollector newMap = new SharingProof.MapCollector();
        work.qemuImg().map(ImageNode.of(newFile.path(), format), newMap::add);
        return overlayMap.isComplete()
                && newMap.isComplete()
                && new SharingProof(work.lock().file(), newFile.file()).holds(overlayMap.extents(), newMap.extents());
    }

    /** Serves the new image as a guest would find it, through its own header. */
    public ServedDisk serveNew(ReplacementFile newFile, ImageFormat format) throws IOException {
        return work.serveReadOnly(ImageNode.of(newFile.path(), format));
    }
}
