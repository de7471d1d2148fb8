package virtshrink.filesystem.closed;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/**
 * {@code struct reiserfs_super_block} of the Linux driver, fs/reiserfs/reiserfs.h, of format 3.6 at its usual place. A journal that needs
 * a replay all the same cannot be mounted from a read-only device, which is how it is mounted first.
 *
 * @param journalDevice {@code jp_journal_dev}
 * @param umountState {@code s_umount_state}
 * @param fsState {@code s_fs_state}: what fsck found
 */
record ReiserfsSuperblock(long journalDevice, int umountState, int fsState) {
    private static final long OFFSET = 0x10000;
    private static final int LENGTH = 128;
    private static final int VALID = 1;

    static ClosedMark mark(BlockSource volume) throws IOException {
        if (volume.sizeBytes() < OFFSET + LENGTH) {
            return new ClosedMark.Unusable("a ReiserFS too small for its superblock");
        }
        StructureBytes sb = new StructureBytes("ReiserFS superblock", OFFSET, volume.read(OFFSET, LENGTH));
        if (!sb.text(52, 8, US_ASCII).equals("ReIsEr2F")) {
            return new ClosedMark.Unusable("ReiserFS of another format than 3.6");
        }
        return new ReiserfsSuperblock(
                        sb.u32le(16), // jp_journal_dev
                        sb.u16le(50), // s_umount_state
                        sb.u16le(62)) // s_fs_state
                .mark();
    }

    private ClosedMark mark() {
        if (umountState != VALID || fsState != 0) {
            return new ClosedMark.Open(
                    "ReiserFS was not cleanly unmounted, or needs a check (%d, %d)".formatted(umountState, fsState));
        }
        return journalDevice == 0
                ? new ClosedMark.Closed()
                : new ClosedMark.Unusable("ReiserFS with its journal on another device");
    }
}
