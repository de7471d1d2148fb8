package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * What only the root directory holds: where the Allocation Bitmap and the Up-case Table are, and the label.
 *
 * @param bitmap directory entry of the bitmap
 * @param upcase directory entry of the table
 */
record ExfatRoot(StructureBytes bitmap, StructureBytes upcase, String label) {
    static final int BITMAP = 0x81;
    static final int UPCASE = 0x82;
    static final int LABEL = 0x83;

    /** The specification allows eleven; some tools write as many as fit. */
    private static final int MOST_LABEL_CHARACTERS = 15;

    private static final int BITMAP_FLAGS_SECOND = 0x1;

    /**
     * @throws CorruptStructureException if one of them is missing or there twice
     */
    static ExfatRoot read(ExfatDirectory root) throws IOException {
        Optional<StructureBytes> bitmap = Optional.empty();
        Optional<StructureBytes> upcase = Optional.empty();
        String label = "";
        for (Optional<StructureBytes> next = root.next(); next.isPresent(); next = root.next()) {
            StructureBytes entry = next.get();
            switch (entry.u8(0)) {
                case BITMAP -> {
                    if (bitmap.isPresent() || (entry.u8(1) & BITMAP_FLAGS_SECOND) != 0) {
                        throw entry.corrupt(0, "a second allocation bitmap");
                    }
                    bitmap = next;
                }
                case UPCASE -> {
                    if (upcase.isPresent()) {
                        throw entry.corrupt(0, "a second up-case table");
                    }
                    upcase = next;
                }
                case LABEL -> {
                    int characters = entry.u8(1);
                    if (characters > MOST_LABEL_CHARACTERS) {
                        throw entry.corrupt(1, "a label of %d characters".formatted(characters));
                    }
                    label = new String(entry.bytes(2, characters * 2), StandardCharsets.UTF_16LE);
                }
                default -> {}
            }
        }
        return new ExfatRoot(
                bitmap.orElseThrow(() -> missing("allocation bitmap")),
                upcase.orElseThrow(() -> missing("up-case table")),
                label);
    }

    long bitmapCluster() {
        return bitmap.u32le(ExfatDirectory.FIRST_CLUSTER);
    }

    long bitmapBytes() {
        return bitmap.u63le(ExfatDirectory.DATA_LENGTH);
    }

    private static CorruptStructureException missing(String what) {
        return new CorruptStructureException(ExfatDirectory.STRUCTURE, 0, "the root directory has no " + what);
    }
}
