package virtshrink.filesystem.f2fs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * One of the two checkpoint packs, {@code struct f2fs_checkpoint} at its beginning and again at its end.
 *
 * @param startBlock where the pack begins
 * @param logs where the six logs are written to next: nodes (hot, warm, cold) before data
 * @param packBlocks {@code cp_pack_total_block_count}
 * @param startSum {@code cp_pack_start_sum}
 * @param sitBitmap version bitmap of the segment information table: which of the two copies of each of its blocks counts
 */
record F2fsCheckpoint(
        long startBlock,
        long version,
        long validBlockCount,
        long freeSegmentCount,
        long validNodeCount,
        List<Log> logs,
        long flags,
        int packBlocks,
        int startSum,
        StructureBytes sitBitmap) {
    static final String STRUCTURE = "f2fs_checkpoint";

    private static final int BITMAPS_AT = 192;
    private static final int CHECKSUM_AT = 4092;
    private static final int LOGS = 3;
    private static final int COMPACT_SUM = 0x4;
    private static final int UMOUNT = 0x1;
    private static final int LARGE_NAT_BITMAP = 0x400;
    // compact_summary, fastboot, crc_recovery, nat_bits, trimmed, nocrc_recovery, large_nat_bitmap
    private static final int HARMLESS = UMOUNT | COMPACT_SUM | 0x20 | 0x40 | 0x80 | 0x100 | 0x200 | LARGE_NAT_BITMAP;

    /** A block of a segment. */
    record Log(long segno, int blkoff) {}

    /**
     * Reads a pack; empty if it is not whole, because it was never written or a writer did not finish.
     *
     * @param number 0 or 1
     */
    static Optional<F2fsCheckpoint> read(BlockSource volume, F2fsSuperblock superblock, int number) throws IOException {
        long start = superblock.cpBlkaddr() + (long) number * F2fsSuperblock.SEGMENT_BLOCKS;
        StructureBytes head = block(volume, start);
        if (!isWhole(head)) {
            return Optional.empty();
        }
        long packBlocks = head.u32le(136);
        // At least both checkpoints, and a summary for each of the six logs or for all of them.
        if (packBlocks < 3 || packBlocks > F2fsSuperblock.SEGMENT_BLOCKS) {
            return Optional.empty();
        }
        StructureBytes tail = block(volume, start + packBlocks - 1);
        if (!isWhole(tail) || tail.i64le(0) != head.i64le(0)) {
            return Optional.empty();
        }
        return Optional.of(parse(volume, superblock, start, head));
    }

    private static F2fsCheckpoint parse(BlockSource volume, F2fsSuperblock superblock, long start, StructureBytes head)
            throws IOException {
        long version = head.i64le(0);
        long validBlockCount = head.u63le(16);
        long freeSegmentCount = head.u32le(32);
        List<Log> logs = new ArrayList<>();
        for (int log = 0; log < LOGS; log++) {
            logs.add(new Log(head.u32le(36 + 4 * log), head.u16le(68 + 2 * log)));
        }
        for (int log = 0; log < LOGS; log++) {
            logs.add(new Log(head.u32le(84 + 4 * log), head.u16le(116 + 2 * log)));
        }
        long flags = head.u32le(132);
        int packBlocks = (int) head.u32le(136);
        long startSum = head.u32le(140);
        long validNodeCount = head.u32le(144);
        long sitBytes = head.u32le(156);
        long natBytes = head.u32le(160);
        int checksumAt = (int) head.u32le(164);

        for (Log log : logs) {
            if (log.segno() >= superblock.segmentCountMain() || log.blkoff() >= F2fsSuperblock.SEGMENT_BLOCKS) {
                throw head.corrupt(
                        36,
                        "block %d of segment %d of %d is written to next"
                                .formatted(log.blkoff(), log.segno(), superblock.segmentCountMain()));
            }
        }
        if (startSum < 1L + superblock.cpPayload() || startSum >= packBlocks - 1) {
            throw head.corrupt(140, "summaries begin in block %d of %d".formatted(startSum, packBlocks));
        }
        long sitBlocks = superblock.segmentCountSit() / 2 * F2fsSuperblock.SEGMENT_BLOCKS;
        long natBlocks = superblock.segmentCountNat() / 2 * F2fsSuperblock.SEGMENT_BLOCKS;
        if (sitBytes != sitBlocks / 8 || natBytes != natBlocks / 8) {
            throw head.corrupt(156, "version bitmaps of %d and %d bytes".formatted(sitBytes, natBytes));
        }
        StructureBytes sitBitmap;
        if ((flags & LARGE_NAT_BITMAP) != 0) {
            long at = BITMAPS_AT + (checksumAt == BITMAPS_AT ? Integer.BYTES : 0) + natBytes;
            sitBitmap = bitmap(volume, superblock, start, at, sitBytes);
        } else if (superblock.cpPayload() > 0) {
            sitBitmap = bitmap(volume, superblock, start, F2fsSuperblock.BLOCK_BYTES, sitBytes);
        } else {
            sitBitmap = bitmap(volume, superblock, start, BITMAPS_AT, sitBytes);
        }
        return new F2fsCheckpoint(
                start,
                version,
                validBlockCount,
                freeSegmentCount,
                validNodeCount,
                List.copyOf(logs),
                flags,
                packBlocks,
                (int) startSum,
                sitBitmap);
    }

    private static StructureBytes bitmap(
            BlockSource volume, F2fsSuperblock superblock, long startBlock, long at, long length) throws IOException {
        long end =
                superblock.cpPayload() > 0 ? (1L + superblock.cpPayload()) * F2fsSuperblock.BLOCK_BYTES : CHECKSUM_AT;
        long offset = startBlock * F2fsSuperblock.BLOCK_BYTES;
        if (at + length > end) {
            throw new CorruptStructureException(
                    STRUCTURE, offset + at, "a version bitmap of %d bytes has no room".formatted(length));
        }
        return new StructureBytes("SIT version bitmap", offset + at, volume.read(offset + at, (int) length));
    }

    /** What the flags say of a guest that did not finish. */
    Optional<String> whyDirty() {
        if ((flags & UMOUNT) == 0) {
            return Optional.of("not cleanly unmounted: the last checkpoint was written while it was in use; "
                    + "start the guest and shut it down");
        } else if ((flags & 0x8) != 0) {
            return Optional.of("marked as containing errors: needs fsck.f2fs");
        } else if ((flags & 0x10) != 0) {
            return Optional.of("marked as needing a check: needs fsck.f2fs");
        } else if ((flags & 0x2) != 0) {
            return Optional.of("deleted files wait for their clean-up at the next mount (orphan inodes); "
                    + "start the guest and shut it down");
        } else if ((flags & 0x800) != 0) {
            return Optional.of("its quota files need a check: needs fsck.f2fs");
        } else if ((flags & 0x3000) != 0) {
            return Optional.of("its checkpoints are disabled: mount it with checkpoint=enable");
        } else if ((flags & 0x4000) != 0) {
            return Optional.of("it was being resized: needs fsck.f2fs");
        }
        return Optional.empty();
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        return (flags & ~HARMLESS) == 0
                ? Optional.empty()
                : Optional.of("unknown checkpoint flags 0x%x".formatted(flags & ~HARMLESS));
    }

    /** Where the journal of the segment information table stands: in the summary of the log of cold data. */
    long sitJournalOffset() {
        if ((flags & COMPACT_SUM) != 0) {
            long block = startBlock + startSum;
            return block * F2fsSuperblock.BLOCK_BYTES + F2fsSit.JOURNAL_BYTES;
        }
        // The summaries of three data and three node logs stand before the checkpoint at the end.
        long block = startBlock + packBlocks - 1 - 2 * LOGS + (LOGS - 1);
        return block * F2fsSuperblock.BLOCK_BYTES + F2fsSit.SUMMARY_ENTRIES_BYTES;
    }

    /** Whether a log is written to the segment. */
    boolean isCurrent(long segment) {
        return logs.stream().anyMatch(log -> log.segno() == segment);
    }

    /** Whether this one was written after the other. */
    boolean isNewerThan(F2fsCheckpoint other) {
        return version - other.version > 0;
    }

    static StructureBytes block(BlockSource volume, long block) throws IOException {
        long offset = block * F2fsSuperblock.BLOCK_BYTES;
        return new StructureBytes(STRUCTURE, offset, volume.read(offset, F2fsSuperblock.BLOCK_BYTES));
    }

    private static boolean isWhole(StructureBytes block) {
        long checksumAt = block.u32le(164);
        if (checksumAt < BITMAPS_AT || checksumAt > CHECKSUM_AT || checksumAt % Integer.BYTES != 0) {
            return false;
        }
        byte[] bytes = block.bytes(0, F2fsSuperblock.BLOCK_BYTES);
        int at = (int) checksumAt;
        int crc = F2fsCrc.update((int) F2fsSuperblock.MAGIC, bytes, 0, at);
        if (at < CHECKSUM_AT) {
            int behind = at + Integer.BYTES;
            crc = F2fsCrc.update(crc, bytes, behind, bytes.length - behind);
        }
        return crc == (int) block.u32le(at);
    }
}
