package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/**
 * The catalogue of the Volume Shadow Copy Service. A shadow copy needs clusters of the volume that live files have given up: whatever it
 * says of them, the live bitmap calls them free.
 */
final class ShadowCopies {
    private static final String HEADER = "VSS volume header";
    private static final String CATALOG = "VSS catalog block";
    private static final long HEADER_AT = 0x1E00;
    private static final int HEADER_BYTES = 512;
    private static final int BLOCK_BYTES = 0x4000;
    private static final int ENTRY_BYTES = 128;
    /** Windows keeps at most 512 shadow copies, two entries each, 127 entries to a block. */
    private static final int MOST_BLOCKS = 64;

    /** {@code 3808876B-C176-4E48-B7AE-04046E6CC752}, as it lies on disk. */
    private static final long IDENTIFIER_LOW = 0x4E48_C176_3808_876BL;

    private static final long IDENTIFIER_HIGH = 0x52C7_6C6E_0404_AEB7L;

    private static final int RECORD_HEADER = 1;
    private static final int RECORD_CATALOG = 2;
    private static final int ENTRY_EMPTY = 0;
    private static final int ENTRY_UNUSED = 1;

    private ShadowCopies() {}

    /** Why there are or may be shadow copies; empty if there are none. */
    static Optional<String> find(BlockSource volume) throws IOException {
        if (volume.sizeBytes() < HEADER_AT + HEADER_BYTES) {
            return Optional.empty();
        }
        StructureBytes header = new StructureBytes(HEADER, HEADER_AT, volume.read(HEADER_AT, HEADER_BYTES));
        if (!isIdentified(header)) {
            return Optional.empty();
        }
        long version = header.u32le(0x10);
        long recordType = header.u32le(0x14);
        long currentOffset = header.i64le(0x18);
        long catalogOffset = header.i64le(0x30);
        boolean elsewhere = header.i64le(0x40) != header.i64le(0x50) || header.i64le(0x48) != header.i64le(0x58);
        if (version < 1 || version > 2 || recordType != RECORD_HEADER || currentOffset != HEADER_AT) {
            return Optional.of("shadow copies: their header at 0x1E00 is of an unknown kind");
        }
        if (elsewhere) {
            return Optional.of("shadow copies of it are kept on another volume");
        }
        // A volume that once had shadow copies keeps the header.
        return catalogOffset == 0 ? Optional.empty() : searchCatalog(volume, catalogOffset);
    }

    private static Optional<String> searchCatalog(BlockSource volume, long catalogOffset) throws IOException {
        long offset = catalogOffset;
        for (int block = 0; block < MOST_BLOCKS; block++) {
            if (offset < 0 || offset > volume.sizeBytes() - BLOCK_BYTES) {
                return Optional.of("shadow copies: their catalogue is not within the volume");
            }
            StructureBytes bytes = new StructureBytes(CATALOG, offset, volume.read(offset, BLOCK_BYTES));
            if (!isIdentified(bytes) || bytes.u32le(0x14) != RECORD_CATALOG || bytes.i64le(0x20) != offset) {
                return Optional.of("shadow copies: their catalogue cannot be read");
            }
            for (int at = ENTRY_BYTES; at < BLOCK_BYTES; at += ENTRY_BYTES) {
                long type = bytes.i64le(at);
                if (type != ENTRY_EMPTY && type != ENTRY_UNUSED) {
                    return Optional.of("shadow copies are present: they refer to clusters that are called free");
                }
            }
            offset = bytes.i64le(0x28);
            if (offset == 0) {
                return Optional.empty();
            }
        }
        return Optional.of("shadow copies: their catalogue has no end");
    }

    private static boolean isIdentified(StructureBytes bytes) {
        return bytes.i64le(0) == IDENTIFIER_LOW && bytes.i64le(8) == IDENTIFIER_HIGH;
    }
}
