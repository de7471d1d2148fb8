package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemState;

/** A small filesystem in memory whose chunks lie where their logical addresses are; fields may be changed and sealed with a checksum. */
final class CapturedBtrfs {
    static final int SUPERBLOCK = 64 << 10;
    static final int MIRROR = 64 << 20;

    final MemoryDisk disk;
    final BtrfsChecksum checksum;
    final int nodeBytes;

    private CapturedBtrfs(MemoryDisk disk) {
        this.disk = disk;
        this.checksum = BtrfsChecksum.ofType(u16(disk, SUPERBLOCK + 0xC4)).orElseThrow();
        this.nodeBytes = (int) u32(disk, SUPERBLOCK + 0x94);
    }

    static CapturedBtrfs load(Path image) throws IOException {
        return new CapturedBtrfs(MemoryDisk.load(image));
    }

    CapturedBtrfs copy() {
        return new CapturedBtrfs(disk.copy());
    }

    FilesystemState state() throws IOException {
        return new BtrfsReader().read(disk).state();
    }

    /** Seals the superblock at the offset. */
    CapturedBtrfs sealSuperblock(int at) {
        seal(at, BtrfsSuperBlock.LENGTH_BYTES);
        return this;
    }

    CapturedBtrfs sealNode(int at) {
        seal(at, nodeBytes);
        return this;
    }

    /** Sets a field of the first superblock, and seals that. */
    CapturedBtrfs superblockU64(int field, long value) {
        disk.u64le(SUPERBLOCK + field, value);
        return sealSuperblock(SUPERBLOCK);
    }

    /** Every place where a tree block lies or lay. */
    List<Integer> nodes() {
        List<Integer> nodes = new ArrayList<>();
        for (int at = 1 << 20; at <= disk.sizeBytes() - nodeBytes; at += 4096) {
            if (disk.u64le(at + 0x30) == at && disk.u64le(at + 0x20) == disk.u64le(SUPERBLOCK + 0x20)) {
                nodes.add(at);
            }
        }
        return nodes;
    }

    /** The newest tree block of a tree. */
    int node(long owner) {
        Optional<Integer> newest = Optional.empty();
        for (int at : nodes()) {
            if (disk.u64le(at + 0x58) == owner
                    && (newest.isEmpty() || disk.u64le(at + 0x50) > disk.u64le(newest.get() + 0x50))) {
                newest = Optional.of(at);
            }
        }
        return newest.orElseThrow();
    }

    /** Where an item of a leaf begins, of the first key of that type. */
    int item(int leaf, int type) {
        for (int slot = 0; slot < u32(disk, leaf + 0x60); slot++) {
            int at = leaf + 101 + slot * 25;
            if ((disk.bytes()[at + 8] & 0xff) == type) {
                return leaf + 101 + (int) u32(disk, at + 17);
            }
        }
        throw new AssertionError("no item of type " + type);
    }

    private void seal(int at, int length) {
        disk.putBytes(
                at, checksum.of(disk.bytes(), at + BtrfsChecksum.FIELD_BYTES, length - BtrfsChecksum.FIELD_BYTES));
    }

    private static int u16(MemoryDisk disk, int at) {
        return ByteBuffer.wrap(disk.bytes()).order(ByteOrder.LITTLE_ENDIAN).getChar(at);
    }

    static long u32(MemoryDisk disk, int at) {
        return ByteBuffer.wrap(disk.bytes()).order(ByteOrder.LITTLE_ENDIAN).getInt(at) & 0xffffffffL;
    }
}
