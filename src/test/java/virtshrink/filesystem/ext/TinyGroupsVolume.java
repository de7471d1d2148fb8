package virtshrink.filesystem.ext;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import virtshrink.block.BlockSource;

/**
 * An ext2 filesystem of as many groups as wanted, eight blocks of 1 KiB each, computed while it is read: what an attacker would make to have
 * the most structures and the most free ranges in the fewest bytes.
 *
 * <p>Each group: superblock copy and descriptors where {@code sparse_super} and {@code meta_bg} put them, block bitmap, inode bitmap, inode
 * table; of what is left every other block is free.
 */
final class TinyGroupsVolume implements BlockSource {
    private static final int BLOCK = 1024;
    private static final int PER_GROUP = 8;
    private static final int DESCRIPTORS_PER_BLOCK = 32;

    private final int groups;
    private final long freeBlocks;

    TinyGroupsVolume(int groups) {
        this.groups = groups;
        long free = 0;
        for (int group = 0; group < groups; group++) {
            free += free(group);
        }
        this.freeBlocks = free;
    }

    long freeBytes() {
        return freeBlocks * BLOCK;
    }

    @Override
    public long sizeBytes() {
        return (1L + (long) groups * PER_GROUP) * BLOCK;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > sizeBytes() - destination.remaining()) {
            throw new EOFException("at " + offsetBytes);
        }
        long at = offsetBytes;
        while (destination.hasRemaining()) {
            int within = (int) (at % BLOCK);
            int length = Math.min(BLOCK - within, destination.remaining());
            destination.put(block(at / BLOCK).array(), within, length);
            at += length;
        }
    }

    private ByteBuffer block(long number) {
        ByteBuffer block = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
        int group = (int) ((number - 1) / PER_GROUP);
        int within = (int) ((number - 1) % PER_GROUP);
        int head = head(group);
        if (number == 1) {
            superblock(block);
        } else if (number > 1 && within == head - 1 && group % DESCRIPTORS_PER_BLOCK == 0) {
            for (int i = 0; i < DESCRIPTORS_PER_BLOCK && group + i < groups; i++) {
                int first = 1 + (group + i) * PER_GROUP + head(group + i);
                block.putInt(32 * i, first).putInt(32 * i + 4, first + 1).putInt(32 * i + 8, first + 2);
                block.putShort(32 * i + 0xC, (short) free(group + i));
            }
        } else if (number > 1 && within == head) {
            block.put(0, (byte) bitmap(group));
        } else if (number > 1 && within == head + 2 && group == 0) {
            block.putShort(128, (short) 0x41ED);
        }
        return block;
    }

    private void superblock(ByteBuffer block) {
        block.putInt(0x0, groups * 8)
                .putInt(0x4, 1 + groups * PER_GROUP)
                .putInt(0xC, (int) freeBlocks)
                .putInt(0x14, 1)
                .putInt(0x20, PER_GROUP)
                .putInt(0x24, PER_GROUP)
                .putInt(0x28, 8)
                .putShort(0x38, (short) 0xEF53)
                .putShort(0x3A, (short) 1)
                .putInt(0x4C, 1)
                .putShort(0x58, (short) 128)
                .putInt(0x60, 0x10)
                .putInt(0x64, 0x1);
    }

    private static int head(int group) {
        int within = group % DESCRIPTORS_PER_BLOCK;
        boolean descriptors = within <= 1 || within == DESCRIPTORS_PER_BLOCK - 1;
        return (hasSuperblock(group) ? 1 : 0) + (descriptors ? 1 : 0);
    }

    private static boolean hasSuperblock(int group) {
        return group <= 1 || isPower(group, 3) || isPower(group, 5) || isPower(group, 7);
    }

    private static boolean isPower(int number, int base) {
        int rest = number;
        while (rest % base == 0) {
            rest /= base;
        }
        return rest == 1;
    }

    /** Metadata used, then used and free in turn, beginning with used. */
    private static int bitmap(int group) {
        int metadata = head(group) + 3;
        return (0x55 << metadata | (1 << metadata) - 1) & 0xFF;
    }

    private static int free(int group) {
        return 8 - Integer.bitCount(bitmap(group));
    }
}
