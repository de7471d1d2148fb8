package virtshrink.filesystem.btrfs;

import java.util.Locale;
import java.util.UUID;
import virtshrink.block.StructureBytes;

/** Sixteen bytes that name a filesystem, a device or a tree; as a record, so that they can be compared. */
record BtrfsUuid(long first, long second) {
    static final int LENGTH_BYTES = 16;

    static BtrfsUuid parse(StructureBytes bytes, int at) {
        return new BtrfsUuid(Long.reverseBytes(bytes.i64le(at)), Long.reverseBytes(bytes.i64le(at + 8)));
    }

    /** Lower-case canonical notation. */
    @Override
    public String toString() {
        return new UUID(first, second).toString().toLowerCase(Locale.ROOT);
    }
}
