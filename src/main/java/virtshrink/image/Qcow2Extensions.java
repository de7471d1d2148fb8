package virtshrink.image;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The header extensions of a qcow2 image.
 *
 * @param backingFormat format of the backing file
 * @param bitmaps number of persistent bitmaps, whether consistent or not
 * @param dataFile name of the external data file
 * @param encryption there is an encryption header
 * @param unknown types of those that the specification does not name
 */
record Qcow2Extensions(
        Optional<String> backingFormat,
        int bitmaps,
        Optional<String> dataFile,
        boolean encryption,
        List<Integer> unknown) {
    private static final int BACKING_FORMAT = 0xe2792aca;
    private static final int FEATURE_NAMES = 0x6803f857;
    private static final int BITMAPS = 0x23852875;
    private static final int ENCRYPTION = 0x0537be77;
    private static final int DATA_FILE = 0x44415441;
    private static final int BITMAPS_BYTES = 24;
    private static final int MOST_BITMAPS = 65535;
    private static final int MOST_FORMAT_BYTES = 63;
    private static final int MOST_NAME_BYTES = 1023;

    Qcow2Extensions {
        unknown = List.copyOf(unknown);
    }

    /**
     * Parses the area between the header and the backing file's name or the end of the first cluster.
     *
     * @throws CorruptStructureException if an extension leaves the area, appears twice, or has an impossible length
     */
    static Qcow2Extensions parse(StructureBytes header, int startBytes, int endBytes) {
        Optional<String> backingFormat = Optional.empty();
        Optional<String> dataFile = Optional.empty();
        int bitmaps = 0;
        boolean encryption = false;
        List<Integer> unknown = new ArrayList<>();
        Set<Integer> seen = new HashSet<>();
        int at = startBytes;
        // Every turn moves on by at least the eight bytes of an extension's own header.
        while (endBytes - at >= 8) {
            int type = (int) header.u32be(at);
            long length = header.u32be(at + 4);
            if (type == 0) {
                break;
            }
            int data = at + 8;
            verify(length <= endBytes - data, at, "extension %08x of %d bytes".formatted(type, length));
            verify(seen.add(type), at, "extension %08x appears twice".formatted(type));
            switch (type) {
                case BACKING_FORMAT -> {
                    verify(length <= MOST_FORMAT_BYTES, at, "backing format name of " + length + " bytes");
                    backingFormat =
                            Optional.of(Qcow2Header.strictText(header, data, (int) length, "backing format name"));
                }
                case BITMAPS -> {
                    verify(length == BITMAPS_BYTES, at, "bitmaps extension of " + length + " bytes");
                    long count = header.u32be(data);
                    verify(count >= 1 && count <= MOST_BITMAPS, data, "nb_bitmaps " + count);
                    bitmaps = (int) count;
                }
                case DATA_FILE -> {
                    verify(length <= MOST_NAME_BYTES, at, "data file name of " + length + " bytes");
                    dataFile = Optional.of(Qcow2Header.strictText(header, data, (int) length, "data file name"));
                }
                case ENCRYPTION -> encryption = true;
                case FEATURE_NAMES -> {
                    // Names for messages of older software: of no meaning to the image.
                }
                default -> unknown.add(type);
            }
            at = (int) Math.min(endBytes, data + (length + 7) / 8 * 8);
        }
        return new Qcow2Extensions(backingFormat, bitmaps, dataFile, encryption, unknown);
    }

    private static void verify(boolean condition, int at, String reason) {
        CorruptStructureException.verify(condition, "QCowExtension", at, reason);
    }
}
