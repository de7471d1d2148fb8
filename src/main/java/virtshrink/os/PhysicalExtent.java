package virtshrink.os;

/**
 * Where a piece of a file lies on the disk below, as {@code FIEMAP} reports it.
 *
 * @param logicalBytes offset in the file
 * @param physicalBytes offset on the filesystem's device (on btrfs: in its logical address space); means nothing if
 *     {@link #hasPhysicalPlace()} is false
 * @param lengthBytes more than 0
 * @param flags {@code FIEMAP_EXTENT_*} of {@code linux/fiemap.h}
 */
public record PhysicalExtent(long logicalBytes, long physicalBytes, long lengthBytes, int flags) {
    private static final int LAST = 0x1;
    private static final int UNKNOWN = 0x2;
    private static final int DELALLOC = 0x4;
    private static final int ENCODED = 0x8;
    private static final int NOT_ALIGNED = 0x100;
    private static final int INLINE = 0x200;
    private static final int TAIL = 0x400;
    private static final int UNWRITTEN = 0x800;
    private static final int SHARED = 0x2000;

    /** The file's last extent. */
    public boolean last() {
        return (flags & LAST) != 0;
    }

    /** Allocated but reads as zero: never written. */
    public boolean unwritten() {
        return (flags & UNWRITTEN) != 0;
    }

    /** Other files (or this one elsewhere) use the same blocks. */
    public boolean shared() {
        return (flags & SHARED) != 0;
    }

    /**
     * Whether the bytes lie as they are in blocks of their own at {@link #physicalBytes}: neither still in memory, nor compressed, encrypted,
     * inline or packed with others. Only then do equal places mean equal content.
     */
    public boolean hasPhysicalPlace() {
        return (flags & (UNKNOWN | DELALLOC | ENCODED | NOT_ALIGNED | INLINE | TAIL)) == 0;
    }
}
