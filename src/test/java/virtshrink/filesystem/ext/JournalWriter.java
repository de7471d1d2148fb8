package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import virtshrink.block.Crc32c;
import virtshrink.block.MemoryDisk;
import virtshrink.block.StructureBytes;

/**
 * Fills the journal of a filesystem in memory, in any of the formats of jbd2; also in those that no kernel of today writes any more.
 *
 * <p>Written from the documentation of the format and not from the reader, which is judged by what it makes of this.
 */
final class JournalWriter {
    static final int REVOKE = 0x1;
    static final int WIDE = 0x2;
    static final int ASYNC = 0x4;
    static final int CSUM_V2 = 0x8;
    static final int CSUM_V3 = 0x10;
    static final int FAST_COMMIT = 0x20;

    private static final int MAGIC = 0xC03B3998;

    final MemoryDisk disk;
    final ExtGeometry geometry;
    final ExtFileMap map;
    final int blockBytes;
    final int maxLen;
    private final int compat;
    private final int incompat;
    private final int seed;
    private int next;
    private int sequence;

    /** What was written where, in blocks of the journal. */
    final List<Integer> descriptors = new ArrayList<>();

    final List<Integer> revokes = new ArrayList<>();
    final List<Integer> commits = new ArrayList<>();
    final List<Integer> logged = new ArrayList<>();

    /** A block and what is to be in it. */
    record Write(long block, ByteBuffer content) {}

    JournalWriter(MemoryDisk disk, int compat, int incompat, int start, int sequence) throws IOException {
        this.disk = disk;
        this.compat = compat;
        this.incompat = incompat;
        ExtSuperblock superblock = ExtSuperblock.parse(
                new StructureBytes(ExtSuperblock.STRUCTURE, 1024, disk.read(1024, ExtSuperblock.LENGTH_BYTES)));
        this.geometry = ExtGeometry.of(superblock, disk.sizeBytes());
        ExtChecksums checksums = new ExtChecksums(superblock);
        ExtInode inode = ExtJournal.readInode(disk, geometry, checksums);
        this.blockBytes = geometry.blockBytes();
        this.maxLen = (int) (inode.sizeBytes() / blockBytes);
        this.map = ExtFileMap.read(disk, geometry, checksums, inode, maxLen);
        this.seed = Crc32c.update(-1, block(0), 0x30, 16);
        this.next = start;
        this.sequence = sequence;
        byte[] head = block(0);
        ByteBuffer fields = ByteBuffer.wrap(head);
        fields.putInt(0x18, sequence)
                .putInt(0x1C, start)
                .putInt(0x24, compat)
                .putInt(0x28, incompat)
                .putInt(0x2C, 0);
        head[0x50] = (byte) (hasCsum() ? 4 : 0);
        sealSuperblock(head);
        putBlock(0, head);
        setNeedsRecovery();
    }

    /** Version 3 and 2 of checksums in every block. */
    boolean hasCsum() {
        return (incompat & (CSUM_V2 | CSUM_V3)) != 0;
    }

    void sealSuperblock(byte[] head) {
        ByteBuffer fields = ByteBuffer.wrap(head);
        fields.putInt(0xFC, 0);
        if (hasCsum()) {
            fields.putInt(0xFC, Crc32c.update(-1, head, 0, 1024));
        }
    }

    int sequence() {
        return sequence;
    }

    /** Where the next block of the log goes. */
    int next() {
        return next;
    }

    byte[] block(int inJournal) {
        int at = offset(inJournal);
        return Arrays.copyOfRange(disk.bytes(), at, at + blockBytes);
    }

    int offset(int inJournal) {
        return Math.toIntExact(map.place(inJournal) * blockBytes);
    }

    void putBlock(int inJournal, byte[] content) {
        System.arraycopy(content, 0, disk.bytes(), offset(inJournal), blockBytes);
    }

    /** A whole transaction. */
    void transaction(List<Write> writes, List<Long> revoked) {
        commit(open(writes, revoked));
    }

    /**
     * A transaction whose commit block never came to the disk.
     *
     * @return the checksum that the commit block has to have
     */
    int open(List<Write> writes, List<Long> revoked) {
        int crc = -1;
        for (int from = 0; from < writes.size(); ) {
            int fit = tagsThatFit(writes.size() - from);
            crc = describe(writes.subList(from, from + fit), crc);
            from += fit;
        }
        int recordBytes = (incompat & WIDE) != 0 ? 8 : 4;
        int most = (blockBytes - 16 - (hasCsum() ? 4 : 0)) / recordBytes;
        for (int from = 0; from < revoked.size(); from += most) {
            revoke(revoked.subList(from, Math.min(revoked.size(), from + most)), recordBytes);
        }
        return crc;
    }

    private int tagsThatFit(int wanted) {
        int room = blockBytes - 12 - 16 - (hasCsum() ? 4 : 0);
        return Math.min(wanted, room / tagBytes());
    }

    private int tagBytes() {
        if ((incompat & CSUM_V3) != 0) {
            return 16;
        }
        return 8 + ((incompat & WIDE) != 0 ? 4 : 0) + ((incompat & CSUM_V2) != 0 ? 2 : 0);
    }

    private int describe(List<Write> writes, int crcBefore) {
        byte[] descriptor = new byte[blockBytes];
        ByteBuffer fields = ByteBuffer.wrap(descriptor);
        fields.putInt(MAGIC).putInt(1).putInt(sequence);
        List<byte[]> images = new ArrayList<>();
        for (int i = 0; i < writes.size(); i++) {
            byte[] image = writes.get(i).content().array().clone();
            boolean escape = ByteBuffer.wrap(image).getInt(0) == MAGIC;
            if (escape) {
                ByteBuffer.wrap(image).putInt(0, 0);
            }
            images.add(image);
            int flags = (escape ? 1 : 0) | (i == 0 ? 0 : 2) | (i + 1 == writes.size() ? 8 : 0);
            long block = writes.get(i).block();
            int checksum = Crc32c.update(
                    Crc32c.update(seed, ByteBuffer.allocate(4).putInt(sequence).flip()), image);
            if ((incompat & CSUM_V3) != 0) {
                fields.putInt((int) block).putInt(flags);
                fields.putInt((incompat & WIDE) != 0 ? (int) (block >>> 32) : 0).putInt(checksum);
            } else {
                fields.putInt((int) block)
                        .putShort((short) ((incompat & CSUM_V2) != 0 ? checksum : 0))
                        .putShort((short) flags);
                if ((incompat & WIDE) != 0) {
                    fields.putInt((int) (block >>> 32));
                }
                if ((incompat & CSUM_V2) != 0) {
                    fields.putShort((short) 0);
                }
            }
            if (i == 0) {
                fields.put(new byte[16]);
            }
        }
        sealTail(descriptor);
        descriptors.add(append(descriptor));
        int crc = Crc32Be.update(crcBefore, descriptor);
        for (byte[] image : images) {
            logged.add(append(image));
            crc = Crc32Be.update(crc, image);
        }
        return crc;
    }

    private void revoke(List<Long> blocks, int recordBytes) {
        byte[] revoke = new byte[blockBytes];
        ByteBuffer fields = ByteBuffer.wrap(revoke);
        fields.putInt(MAGIC).putInt(5).putInt(sequence).putInt(16 + recordBytes * blocks.size());
        for (long block : blocks) {
            if (recordBytes == 8) {
                fields.putLong(block);
            } else {
                fields.putInt((int) block);
            }
        }
        sealTail(revoke);
        revokes.add(append(revoke));
    }

    void commit(int crc) {
        byte[] commit = new byte[blockBytes];
        ByteBuffer fields = ByteBuffer.wrap(commit);
        fields.putInt(MAGIC).putInt(2).putInt(sequence);
        if ((compat & 1) != 0) {
            fields.put(0xC, (byte) 1).put(0xD, (byte) 4).putInt(0x10, crc);
        }
        fields.putLong(0x30, 1_700_000_000L + sequence);
        sealCommit(commit);
        commits.add(append(commit));
        sequence++;
    }

    void sealCommit(byte[] commit) {
        if (hasCsum()) {
            ByteBuffer.wrap(commit).putInt(0x10, 0);
            ByteBuffer.wrap(commit).putInt(0x10, Crc32c.update(seed, commit));
        }
    }

    void sealTail(byte[] block) {
        if (hasCsum()) {
            ByteBuffer.wrap(block).putInt(blockBytes - 4, 0);
            ByteBuffer.wrap(block).putInt(blockBytes - 4, Crc32c.update(seed, block));
        }
    }

    private int append(byte[] content) {
        int here = next;
        putBlock(here, content);
        next = here + 1 == maxLen ? 1 : here + 1;
        return here;
    }

    private void setNeedsRecovery() {
        byte[] bytes = disk.bytes();
        bytes[1024 + 0x60] |= 0x4;
        if (geometry.superblock().features().hasRoCompat(ExtFeatures.RO_COMPAT_METADATA_CSUM)) {
            int crc = Crc32c.update(-1, bytes, 1024, 0x3FC);
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(1024 + 0x3FC, crc);
        }
    }
}
