package virtshrink.os;

/** The flags that {@code chattr} sets, numbered as {@code FS_*_FL} in {@code linux/fs.h}. */
public final class InodeFlags {
    public static final int SECURE_DELETE = 0x1;
    public static final int UNDELETE = 0x2;
    /** btrfs: compress. */
    public static final int COMPR = 0x4;

    public static final int SYNC = 0x8;
    public static final int IMMUTABLE = 0x10;
    public static final int APPEND = 0x20;
    public static final int NODUMP = 0x40;
    public static final int NOATIME = 0x80;
    /** btrfs: never compress. */
    public static final int NOCOMP = 0x400;

    /** btrfs: write in place; takes effect only on a file that is still empty. */
    public static final int NOCOW = 0x0080_0000;

    /**
     * What a user may have set on an image and wants on its successor. Immutable and append-only are not among them: such a file cannot be
     * replaced. What the filesystem sets by itself (extents, inline data, verity, encryption) is neither.
     */
    public static final int KEPT = SECURE_DELETE | UNDELETE | COMPR | SYNC | NODUMP | NOATIME | NOCOMP | NOCOW;

    private InodeFlags() {}
}
