package virtshrink.filesystem.xfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/**
 * The internal log: whether a guest was done with it.
 *
 * <p>The log is written round and round in blocks of 512 bytes, each of which begins with the number of its round ({@code cycle}): from the
 * start to the head the current one, from there to the end the one before. A cleanly unmounted filesystem has a record in front of the head
 * that holds nothing but the mark of an unmount; everything else would be replayed, so that what the trees say on the disk would not last.
 */
final class XfsLog {
    static final int BASIC_BLOCK_BYTES = 512;

    private static final String DIRTY =
            "the log does not end with an unmount record (%s): mount and unmount it once, or start the guest and shut it down";
    /**
     * Writes under way at once, all of which may have reached the disk or not, in any order: eight buffers of 256 KiB. Blocks of that many
     * bytes on both sides of the head have to have the cycle that they should have.
     */
    private static final int WINDOW_BYTES = 8 * (256 << 10);

    private static final int PIECE_BYTES = 512 << 10;
    private static final int MOST_RECORD_BYTES = 256 << 10;

    /** Tools write records of 256 KiB, and leave as much room for the first, however short it is. */
    private static final int TOOL_RECORD_BLOCKS = MOST_RECORD_BYTES / BASIC_BLOCK_BYTES;

    private static final int XFS_LOG_CLIENT = 0xaa;
    private static final int XLOG_UNMOUNT_TRANS = 0x20;
    private static final int XLOG_UNMOUNT_TYPE = 0x556e;
    private static final int OP_HEADER_BYTES = 12;

    private final BlockSource volume;
    private final XfsGeometry geometry;
    private final long startBytes;
    private final int blocks;

    private XfsLog(BlockSource volume, XfsGeometry geometry) {
        this.volume = volume;
        this.geometry = geometry;
        this.startBytes = geometry.logOffsetBytes();
        this.blocks = geometry.logBasicBlocks();
    }

    /**
     * What the log says of the guest.
     *
     * @param whyDirty empty if the guest was done with the filesystem
     * @param end where the log goes on; the largest if nothing was ever logged
     */
    record Verdict(Optional<String> whyDirty, XfsLsn end) {}

    static Verdict read(BlockSource volume, XfsGeometry geometry) throws IOException {
        XfsLog log = new XfsLog(volume, geometry);
        try {
            return new Verdict(Optional.empty(), log.provenEnd());
        } catch (NotCleanException notClean) {
            return new Verdict(Optional.of(DIRTY.formatted(notClean.getMessage())), XfsLsn.of(-1));
        }
    }

    /** The log's end, once everything that a clean one has is proven. */
    private XfsLsn provenEnd() throws IOException, NotCleanException {
        long first = cycleAt(0);
        long last = cycleAt(blocks - 1);
        if (first == 0) {
            verifyNeverUsed(last);
            return XfsLsn.of(-1);
        }
        Optional<XfsLsn> formatted = endIfFormatted(first, last);
        if (formatted.isPresent()) {
            return formatted.get();
        }
        int head = first == last ? blocks : headBetween(first, last);
        verifyCycles(head, first);
        XlogRecHeader unmount = verifyLastRecord(head, first);
        // A full round leaves the head at the start, where the next one begins.
        XfsLsn end = head == blocks ? new XfsLsn(first + 1, 0) : new XfsLsn(first, head);
        verifyNotMountedSince(end, unmount);
        return end;
    }

    /**
     * Whoever mounts a clean filesystem first writes empty records behind the head, so that what an earlier round left there is never taken
     * for its own; they give the same tail as the record of the unmount, which those of earlier mounts cannot. Until the first transaction reaches the log, this is all that tells a
     * filesystem in use from one that is not.
     */
    private void verifyNotMountedSince(XfsLsn end, XlogRecHeader unmount) throws IOException, NotCleanException {
        ByteBuffer content = readBlocks((int) end.block(), 1);
        if (content.getInt(0) == XlogRecHeader.MAGIC) {
            XlogRecHeader record = XlogRecHeader.parse(new StructureBytes(
                    XlogRecHeader.STRUCTURE, startBytes + end.block() * (long) BASIC_BLOCK_BYTES, content));
            check(!record.tailLsn().equals(unmount.tailLsn()), "it was mounted after that");
        }
    }

    /** A log of zeros, which tools leave behind, holds nothing to replay. */
    private void verifyNeverUsed(long last) throws IOException, NotCleanException {
        check(last == 0, "begins with zeros, and does not end so");
        int window = Math.min(blocks, WINDOW_BYTES / BASIC_BLOCK_BYTES);
        for (int from : new int[] {0, blocks - window}) {
            ByteBuffer content = readBlocks(from, window);
            while (content.hasRemaining()) {
                check(content.get() == 0, "begins with zeros, and holds something else");
            }
        }
    }

    /**
     * The log as {@code xfs_repair} and {@code xfs_admin} leave it, until the next mount: one record of an unmount at the start, a gap of
     * zeros, and records of unmounts of the cycle before. Kernels take the last of those for the end, and go on at the start.
     */
    private Optional<XfsLsn> endIfFormatted(long first, long last) throws IOException, NotCleanException {
        ByteBuffer start = readBlocks(0, Math.min(blocks, TOOL_RECORD_BLOCKS));
        if (first == 1 || blocks <= 2 * TOOL_RECORD_BLOCKS || start.getInt(0) != XlogRecHeader.MAGIC) {
            return Optional.empty();
        }
        XlogRecHeader record = parse(start, 0);
        if (record.blocks() >= TOOL_RECORD_BLOCKS || cycleOf(start, (int) record.blocks() * BASIC_BLOCK_BYTES) != 0) {
            return Optional.empty();
        }
        int gapAt = (int) record.blocks() * BASIC_BLOCK_BYTES;
        verifyUnmount(record, 0, start.slice(0, gapAt));
        for (int at = gapAt; at < start.limit(); at++) {
            check(start.get(at) == 0, "its first record is followed by zeros and something else");
        }
        check(
                record.cycle() == first && last == before(first) && record.crc() == 0,
                "its first record of cycle %d, its last of %d".formatted(first, last));
        int window = Math.min(blocks - TOOL_RECORD_BLOCKS, WINDOW_BYTES / BASIC_BLOCK_BYTES);
        verifyCycles(TOOL_RECORD_BLOCKS, TOOL_RECORD_BLOCKS + window, TOOL_RECORD_BLOCKS, first);
        verifyCycles(blocks - window, blocks, TOOL_RECORD_BLOCKS, first);
        verifyLastRecord(blocks, last);
        return Optional.of(new XfsLsn(first, 0));
    }

    /** The first block of the older cycle, by halving: the newer one is in front of it, nothing else anywhere. */
    private int headBetween(long first, long last) throws IOException, NotCleanException {
        check(last == before(first), "cycles %d and %d at its ends".formatted(first, last));
        int newer = 0;
        int older = blocks - 1;
        while (older - newer > 1) {
            int middle = (newer + older) >>> 1;
            long cycle = cycleAt(middle);
            check(cycle == first || cycle == last, "cycle %d between %d and %d".formatted(cycle, first, last));
            if (cycle == first) {
                newer = middle;
            } else {
                older = middle;
            }
        }
        return older;
    }

    /** The cycle before; the number that begins a record is left out. */
    private static long before(long cycle) {
        return cycle - 1 == (XlogRecHeader.MAGIC & 0xffffffffL) ? cycle - 2 : cycle - 1;
    }

    /** Whatever was under way when the guest ended lies around the head, and does not fit the pattern. */
    private void verifyCycles(int head, long cycle) throws IOException, NotCleanException {
        int window = Math.min(blocks, WINDOW_BYTES / BASIC_BLOCK_BYTES);
        verifyCycles(head - window, head, head, cycle);
        verifyCycles(head, head + Math.min(window, blocks - window), head, cycle);
    }

    private void verifyCycles(int from, int to, int head, long cycle) throws IOException, NotCleanException {
        int piece = PIECE_BYTES / BASIC_BLOCK_BYTES;
        for (int at = from; at < to; ) {
            int start = Math.floorMod(at, blocks);
            int count = Math.min(Math.min(piece, to - at), blocks - start);
            ByteBuffer content = readBlocks(start, count);
            for (int i = 0; i < count; i++) {
                long expected = start + i < head ? cycle : before(cycle);
                long found = cycleOf(content, i * BASIC_BLOCK_BYTES);
                if (found != expected) {
                    throw new NotCleanException("cycle %d instead of %d near its head".formatted(found, expected));
                }
            }
            at += count;
        }
    }

    private XlogRecHeader verifyLastRecord(int head, long cycle) throws IOException, NotCleanException {
        int most = Math.min(blocks, (MOST_RECORD_BYTES + MOST_RECORD_BYTES / 64) / BASIC_BLOCK_BYTES);
        ByteBuffer before = ByteBuffer.allocate(most * BASIC_BLOCK_BYTES);
        int start = head - most;
        if (start < 0) {
            before.put(readBlocks(start + blocks, -start));
            before.put(readBlocks(0, head));
        } else {
            before.put(readBlocks(start, most));
        }
        before.flip();
        int at = most - 1;
        while (at >= 0 && before.getInt(at * BASIC_BLOCK_BYTES) != XlogRecHeader.MAGIC) {
            at--;
        }
        check(at >= 0, "no record in front of its head");
        int block = Math.floorMod(start + at, blocks);
        ByteBuffer content = before.slice(at * BASIC_BLOCK_BYTES, (most - at) * BASIC_BLOCK_BYTES);
        XlogRecHeader record = parse(content, block);
        check(
                record.cycle() == (block < head ? cycle : before(cycle)),
                "last record of cycle %d, the head's is %d".formatted(record.cycle(), cycle));
        verifyUnmount(record, block, content);
        return record;
    }

    private XlogRecHeader parse(ByteBuffer content, int block) {
        return XlogRecHeader.parse(new StructureBytes(
                XlogRecHeader.STRUCTURE,
                startBytes + (long) block * BASIC_BLOCK_BYTES,
                content.slice(0, BASIC_BLOCK_BYTES)));
    }

    /**
     * Checks that a record holds nothing but an unmount.
     *
     * @param content from the record's start to the head
     */
    private void verifyUnmount(XlogRecHeader record, int block, ByteBuffer content) throws NotCleanException {
        check(record.version() == 1 || record.version() == 2, "record of version %d".formatted(record.version()));
        check(record.uuid().equals(geometry.superblock().uuid()), "record of filesystem %s".formatted(record.uuid()));
        check(record.lsn().equals(new XfsLsn(record.cycle(), block)), "record says it is %s".formatted(record.lsn()));
        XfsLsn tail = record.tailLsn();
        check(
                tail.compareTo(record.lsn()) <= 0
                        && tail.block() < blocks
                        && (tail.cycle() == record.cycle() || tail.cycle() == before(record.cycle())),
                "its tail at %s, its last record at %s".formatted(tail, record.lsn()));
        check(
                record.blocks() * BASIC_BLOCK_BYTES == content.remaining(),
                "last record of %d blocks, the head is %d blocks behind its start"
                        .formatted(record.blocks(), content.remaining() / BASIC_BLOCK_BYTES));
        check(
                record.lengthBytes() >= OP_HEADER_BYTES + Long.BYTES,
                "last record of %d bytes".formatted(record.lengthBytes()));
        check(record.operations() == 1, "last record of %d operations".formatted(record.operations()));
        check(matchesChecksum(record, content), "checksum of the last record does not match");
        int at = Math.toIntExact(record.headerBlocks() * BASIC_BLOCK_BYTES);
        long length = content.getInt(at + 4) & 0xffffffffL;
        int clientId = content.get(at + 8) & 0xff;
        int flags = content.get(at + 9) & 0xff;
        int type = content.getChar(at + OP_HEADER_BYTES);
        check(
                clientId == XFS_LOG_CLIENT
                        && flags == XLOG_UNMOUNT_TRANS
                        && length + OP_HEADER_BYTES <= record.lengthBytes()
                        // In the byte order of the host that wrote it.
                        && (type == XLOG_UNMOUNT_TYPE || Character.reverseBytes((char) type) == XLOG_UNMOUNT_TYPE),
                "last record holds something else");
    }

    /** Tools, and kernels before 3.8, leave the checksum out, in either version of the format. */
    private static boolean matchesChecksum(XlogRecHeader record, ByteBuffer content) {
        return record.crc() == 0
                || checksum(record, content, XlogRecHeader.PADDED_BYTES) == record.crc()
                || checksum(record, content, XlogRecHeader.UNPADDED_BYTES) == record.crc();
    }

    private static int checksum(XlogRecHeader record, ByteBuffer content, int headerBytes) {
        int crc = ~XfsChecksum.of(content.slice(0, headerBytes), XlogRecHeader.CRC_AT);
        int headers = Math.toIntExact(record.headerBlocks());
        for (int i = 1; i < headers; i++) {
            crc = Crc32c.update(crc, content.slice(i * BASIC_BLOCK_BYTES, XlogRecHeader.EXTENDED_BYTES));
        }
        return ~Crc32c.update(crc, content.slice(headers * BASIC_BLOCK_BYTES, Math.toIntExact(record.lengthBytes())));
    }

    private long cycleAt(int block) throws IOException {
        return cycleOf(readBlocks(block, 1), 0);
    }

    /** The first word is the cycle, or the magic number of a record's header, whose cycle is the second. */
    private static long cycleOf(ByteBuffer content, int at) {
        int word = content.getInt(at);
        return (word == XlogRecHeader.MAGIC ? content.getInt(at + 4) : word) & 0xffffffffL;
    }

    private ByteBuffer readBlocks(int from, int count) throws IOException {
        return volume.read(startBytes + (long) from * BASIC_BLOCK_BYTES, count * BASIC_BLOCK_BYTES);
    }

    private static void check(boolean condition, String reason) throws NotCleanException {
        if (!condition) {
            throw new NotCleanException(reason);
        }
    }

    /** What a clean log does not have. */
    private static final class NotCleanException extends Exception {
        private static final long serialVersionUID = 1;

        NotCleanException(String reason) {
            super(reason);
        }
    }
}
