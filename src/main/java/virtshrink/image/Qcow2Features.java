package virtshrink.image;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;

/** What a qcow2 header's features mean for whoever wants to read the image, or to replace it by another. */
final class Qcow2Features {
    private Qcow2Features() {}

    /**
     * The header of an image that qemu may be let open.
     *
     * @throws ImageRefusedException if it is no valid header, or needs what must not or cannot be opened
     */
    static Qcow2Header readable(Path image) throws IOException, ImageRefusedException {
        Qcow2Header header;
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
            header = Qcow2Header.read(channel);
        } catch (CorruptStructureException e) {
            throw new ImageRefusedException("%s is no valid qcow2 image: %s".formatted(image, e.getMessage()));
        }
        Optional<String> reason = whyNotReadable(header);
        if (reason.isPresent()) {
            throw new ImageRefusedException(image + " " + reason.get());
        }
        return header;
    }

    /** Why the image must not be opened, as the predicate of a sentence about it. */
    static Optional<String> whyNotReadable(Qcow2Header header) {
        long unknown = header.incompatibleFeatures() & ~Qcow2Header.KNOWN_INCOMPATIBLE;
        if (unknown != 0) {
            return Optional.of("uses an unknown incompatible feature (bit %d)".formatted(lowestBit(unknown)));
        }
        if (header.hasIncompatible(Qcow2Header.CORRUPT)) {
            return Optional.of("is marked as corrupt; repair it with: qemu-img check -r all");
        }
        if (header.hasIncompatible(Qcow2Header.DATA_FILE)
                || header.extensions().dataFile().isPresent()
                || (header.autoclearFeatures() & Qcow2Header.RAW_DATA_FILE) != 0) {
            return Optional.of("keeps its data in an external data file");
        }
        if (header.cryptMethod() != 0 || header.extensions().encryption()) {
            return Optional.of("is encrypted");
        }
        if (header.compressionType() > 1) {
            return Optional.of("uses an unknown compression (type %d)".formatted(header.compressionType()));
        }
        return Optional.empty();
    }

    /** Why a rebuilt image could not be put in its place: what it holds would be lost, or cannot be trusted. */
    static Optional<String> whyNotReplaceable(Qcow2Header header) {
        long autoclear = header.autoclearFeatures() & ~(Qcow2Header.BITMAPS | Qcow2Header.RAW_DATA_FILE);
        if (autoclear != 0) {
            return Optional.of("uses an unknown autoclear feature (bit %d)".formatted(lowestBit(autoclear)));
        }
        long compatible = header.compatibleFeatures() & ~Qcow2Header.LAZY_REFCOUNTS;
        if (compatible != 0) {
            return Optional.of("uses an unknown compatible feature (bit %d): a rebuild would lose it"
                    .formatted(lowestBit(compatible)));
        }
        if (!header.extensions().unknown().isEmpty()) {
            return Optional.of("has a header extension of unknown type 0x%08x: a rebuild would lose it"
                    .formatted(header.extensions().unknown().get(0)));
        }
        if (header.unknownFields()) {
            return Optional.of("has header fields that are not known: a rebuild would lose them");
        }
        if (header.hasIncompatible(Qcow2Header.DIRTY)
                && (header.compatibleFeatures() & Qcow2Header.LAZY_REFCOUNTS) == 0) {
            return Optional.of("was not closed properly (dirty bit); repair it with: qemu-img check -r all");
        }
        if (header.snapshots() > 0) {
            return Optional.of("has %d internal snapshot%s, which a rebuild would lose; see: qemu-img snapshot -l"
                    .formatted(header.snapshots(), header.snapshots() == 1 ? "" : "s"));
        }
        if (header.extensions().bitmaps() > 0 && (header.autoclearFeatures() & Qcow2Header.BITMAPS) == 0) {
            return Optional.of("has persistent bitmaps that another program has made inconsistent");
        }
        if (header.version() == 2 && header.backingName().isPresent()) {
            return Optional.of("has a backing file and compat 0.10, which cannot mark clusters as zero;"
                    + " upgrade it with: qemu-img amend -f qcow2 -o compat=1.1");
        }
        return Optional.empty();
    }

    private static int lowestBit(long bits) {
        return Long.numberOfTrailingZeros(bits);
    }
}
