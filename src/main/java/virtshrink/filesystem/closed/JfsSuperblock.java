package virtshrink.filesystem.closed;

import java.io.IOException;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/**
 * {@code struct jfs_superblock} of the Linux driver, fs/jfs/jfs_superblock.h. The driver replays no log: it refuses to mount for writing what
 * is not marked clean, or whose log was not closed; fsck.jfs does that.
 *
 * @param flag {@code s_flag}
 * @param state {@code s_state}
 */
record JfsSuperblock(long flag, long state) {
    private static final long OFFSET = 0x8000;
    private static final int LENGTH = 64;
    /** {@code FM_CLEAN}; every other value is a reason to stay away. */
    private static final long CLEAN = 0;
    /** {@code JFS_INLINELOG}: the log lies in the volume. */
    private static final long INLINE_LOG = 0x800;

    static ClosedMark mark(BlockSource volume) throws IOException {
        return read(volume).mark();
    }

    private static JfsSuperblock read(BlockSource volume) throws IOException {
        if (volume.sizeBytes() < OFFSET + LENGTH) {
            return new JfsSuperblock(0, CLEAN);
        }
        StructureBytes sb = new StructureBytes("JFS superblock", OFFSET, volume.read(OFFSET, LENGTH));
        return new JfsSuperblock(
                sb.u32le(36), // s_flag
                sb.u32le(40)); // s_state
    }

    private ClosedMark mark() {
        if (state != CLEAN) {
            return new ClosedMark.Open("JFS was not cleanly unmounted (state %d)".formatted(state));
        }
        return (flag & INLINE_LOG) != 0
                ? new ClosedMark.Closed()
                : new ClosedMark.Unusable("JFS with its log on another device");
    }
}
