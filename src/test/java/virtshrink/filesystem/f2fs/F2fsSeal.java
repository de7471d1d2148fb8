package virtshrink.filesystem.f2fs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import virtshrink.block.MemoryDisk;

/** Where the structures of a small volume lie, and the right checksums over what a test has changed in them. */
final class F2fsSeal {
    static final int BLOCK_BYTES = 4096;
    static final int SEGMENT_BYTES = 512 * BLOCK_BYTES;

    private F2fsSeal() {}

    static int u32(MemoryDisk disk, int at) {
        return ByteBuffer.wrap(disk.bytes()).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
    }

    static int superblock(int copy) {
        return copy * BLOCK_BYTES + 1024;
    }

    /** Where a pack begins. */
    static int pack(MemoryDisk disk, int number) {
        return u32(disk, superblock(0) + 76) * BLOCK_BYTES + number * SEGMENT_BYTES;
    }

    /** The pack that counts. */
    static int newestPack(MemoryDisk disk) {
        return disk.u64le(pack(disk, 1)) > disk.u64le(pack(disk, 0)) ? pack(disk, 1) : pack(disk, 0);
    }

    static int lastBlock(MemoryDisk disk, int pack) {
        return pack + (u32(disk, pack + 136) - 1) * BLOCK_BYTES;
    }

    /** The journal of the segment information table, in a compact summary. */
    static int journal(MemoryDisk disk) {
        int pack = newestPack(disk);
        return pack + u32(disk, pack + 140) * BLOCK_BYTES + F2fsSit.JOURNAL_BYTES;
    }

    /** Both checkpoints of a pack. */
    static void checkpoints(MemoryDisk disk, int pack) {
        checkpoint(disk, pack);
        int last = lastBlock(disk, pack);
        System.arraycopy(disk.bytes(), pack, disk.bytes(), last, BLOCK_BYTES);
    }

    private static void checkpoint(MemoryDisk disk, int at) {
        disk.u32le(at + 4092, F2fsCrc.update((int) F2fsSuperblock.MAGIC, disk.bytes(), at, 4092));
    }

    static void superblocks(MemoryDisk disk) {
        int at = superblock(0);
        disk.u32le(at + 3068, F2fsCrc.update((int) F2fsSuperblock.MAGIC, disk.bytes(), at, 3068));
        System.arraycopy(disk.bytes(), at, disk.bytes(), superblock(1), 3072);
    }
}
