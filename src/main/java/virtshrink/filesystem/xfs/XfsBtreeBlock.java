package virtshrink.filesystem.xfs;

import java.nio.ByteBuffer;
import java.util.UUID;
import virtshrink.block.CorruptStructureException;

/** A block of a group's tree ({@code xfs_btree_block} in short form), checked. */
final class XfsBtreeBlock {
    static final long NULL_BLOCK = 0xffffffffL;
    private static final int V4_HEADER_BYTES = 16;
    private static final int V5_HEADER_BYTES = 56;
    private static final int CRC_AT = 52;
    private static final int POINTER_BYTES = 4;

    private final XfsBtreeKind kind;
    private final ByteBuffer content;
    private final long offsetBytes;
    private final int headerBytes;
    private final int level;
    private final int records;

    private XfsBtreeBlock(XfsBtreeKind kind, ByteBuffer content, long offsetBytes, int headerBytes) {
        this.kind = kind;
        this.content = content;
        this.offsetBytes = offsetBytes;
        this.headerBytes = headerBytes;
        this.level = content.getChar(4);
        this.records = content.getChar(6);
    }

    /**
     * @param content the block, big-endian; not copied
     * @param isRoot only the root may be empty
     * @throws CorruptStructureException if this is no such block of that group and level
     */
    static XfsBtreeBlock parse(
            ByteBuffer content,
            XfsBtreeKind kind,
            XfsGeometry geometry,
            int group,
            long block,
            int level,
            boolean isRoot,
            XfsLsn logEnd) {
        boolean v5 = geometry.isV5();
        long offsetBytes = geometry.offsetBytes(group, block);
        XfsBtreeBlock parsed = new XfsBtreeBlock(kind, content, offsetBytes, v5 ? V5_HEADER_BYTES : V4_HEADER_BYTES);
        int magic = content.getInt(0);
        if (magic != kind.magic(v5)) {
            throw parsed.corrupt("magic number 0x%x, expected 0x%x".formatted(magic, kind.magic(v5)));
        }
        if (v5) {
            parsed.verifyIdentity(geometry, group, logEnd);
        }
        if (parsed.level != level) {
            throw parsed.corrupt("level %d, expected %d".formatted(parsed.level, level));
        }
        int least = isRoot && level == 0 ? 0 : 1;
        if (parsed.records < least || parsed.records > parsed.mostRecords()) {
            throw parsed.corrupt("%d entries, at most %d fit".formatted(parsed.records, parsed.mostRecords()));
        }
        return parsed;
    }

    private void verifyIdentity(XfsGeometry geometry, int group, XfsLsn logEnd) {
        int stored = Integer.reverseBytes(content.getInt(CRC_AT));
        int computed = XfsChecksum.of(content, CRC_AT);
        if (stored != computed) {
            throw corrupt("checksum 0x%08x does not match the content's 0x%08x".formatted(stored, computed));
        }
        long blkno = content.getLong(16);
        XfsLsn lsn = XfsLsn.of(content.getLong(24));
        UUID uuid = new UUID(content.getLong(32), content.getLong(40));
        long owner = content.getInt(48) & 0xffffffffL;
        if (blkno != geometry.daddr(offsetBytes) || owner != group || !uuid.equals(geometry.metaUuid())) {
            throw corrupt("belongs to block %d, group %d of filesystem %s".formatted(blkno, owner, uuid));
        }
        if (logEnd.isBefore(lsn)) {
            throw corrupt("written at %s of the log, which ends at %s".formatted(lsn, logEnd));
        }
    }

    int records() {
        return records;
    }

    /** 0: a leaf. */
    int level() {
        return level;
    }

    /** Block to the left on the same level, or {@link #NULL_BLOCK}. */
    long leftSibling() {
        return content.getInt(8) & 0xffffffffL;
    }

    long rightSibling() {
        return content.getInt(12) & 0xffffffffL;
    }

    /** Where in the {@link #content} a leaf's record, or the key of another block's child, begins. */
    int entryAt(int index) {
        return headerBytes + index * (level == 0 ? kind.recordBytes : kind.keyBytes);
    }

    /** The block number of a child. */
    long pointer(int index) {
        int at = headerBytes + mostRecords() * kind.keyBytes + index * POINTER_BYTES;
        return content.getInt(at) & 0xffffffffL;
    }

    ByteBuffer content() {
        return content;
    }

    /** Whether this block begins with what its parent says. */
    boolean beginsAs(XfsBtreeBlock parent, int index) {
        return content.slice(entryAt(0), kind.comparedBytes)
                .equals(parent.content.slice(parent.entryAt(index), kind.comparedBytes));
    }

    CorruptStructureException corrupt(String reason) {
        return new CorruptStructureException(kind.title, offsetBytes, reason);
    }

    private int mostRecords() {
        int room = content.remaining() - headerBytes;
        return room / (level == 0 ? kind.recordBytes : kind.keyBytes + POINTER_BYTES);
    }
}
