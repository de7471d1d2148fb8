package virtshrink.filesystem.f2fs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import virtshrink.block.FileBlockSource;
import virtshrink.block.StructureBytes;

/**
 * Makes a large empty volume half full in no time: only its segment information table and the counts of its checkpoint say so. For timing; its
 * checker would find blocks that belong to no file.
 */
public final class HalfFullF2fs {
    private static final int ENTRY_BYTES = 74;
    private static final int MAP_BYTES = 64;
    private static final int TYPE_COLD_DATA = 2 << 10;

    private HalfFullF2fs() {}

    /** Of every three segments that were empty, one is filled and one half. */
    public static void make(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image);
                FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            F2fsSuperblock superblock = F2fsSuperblock.parse(
                    new StructureBytes(
                            F2fsSuperblock.STRUCTURE,
                            F2fsSuperblock.OFFSET_BYTES,
                            volume.read(F2fsSuperblock.OFFSET_BYTES, F2fsSuperblock.LENGTH_BYTES)),
                    volume.sizeBytes());
            F2fsCheckpoint first = F2fsCheckpoint.read(volume, superblock, 0).orElseThrow();
            F2fsCheckpoint second = F2fsCheckpoint.read(volume, superblock, 1).orElseThrow();
            F2fsCheckpoint newest = second.isNewerThan(first) ? second : first;
            Set<Long> taken = inJournal(volume, newest);
            newest.logs().forEach(log -> taken.add(log.segno()));
            long usedBlocks = 0;
            long usedSegments = 0;
            ByteBuffer block = ByteBuffer.allocate(F2fsSuperblock.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            byte[] map = new byte[MAP_BYTES];
            for (long table = 0; table * F2fsSit.ENTRIES_PER_BLOCK < superblock.segmentCountMain(); table++) {
                long place = place(superblock, newest, table);
                volume.read(place, block.clear());
                for (int entry = 0; entry < F2fsSit.ENTRIES_PER_BLOCK; entry++) {
                    long segment = table * F2fsSit.ENTRIES_PER_BLOCK + entry;
                    int at = entry * ENTRY_BYTES;
                    if (segment % 3 == 0
                            || segment >= superblock.segmentCountMain()
                            || taken.contains(segment)
                            || block.getChar(at) != 0) {
                        continue;
                    }
                    int blocks = F2fsSuperblock.SEGMENT_BLOCKS / (int) (segment % 3);
                    Arrays.fill(map, (byte) 0);
                    Arrays.fill(map, 0, blocks / 8, (byte) -1);
                    block.putShort(at, (short) (TYPE_COLD_DATA | blocks)).put(at + 2, map);
                    usedBlocks += blocks;
                    usedSegments++;
                }
                channel.write(block.rewind(), place);
            }
            count(volume, channel, newest, usedBlocks, usedSegments);
        }
    }

    private static Set<Long> inJournal(FileBlockSource volume, F2fsCheckpoint checkpoint) throws IOException {
        ByteBuffer journal = volume.read(checkpoint.sitJournalOffset(), F2fsSit.JOURNAL_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        Set<Long> segments = new HashSet<>();
        for (int entry = 0; entry < journal.getChar(0); entry++) {
            segments.add(Integer.toUnsignedLong(journal.getInt(2 + entry * (Integer.BYTES + ENTRY_BYTES))));
        }
        return segments;
    }

    /** Of the copy that counts. */
    private static long place(F2fsSuperblock superblock, F2fsCheckpoint checkpoint, long table) {
        long copy = (checkpoint.sitBitmap().u8((int) (table / 8)) >> (7 - table % 8)) & 1;
        long copyBlocks = superblock.segmentCountSit() / 2 * F2fsSuperblock.SEGMENT_BLOCKS;
        return (superblock.sitBlkaddr() + copy * copyBlocks + table) * F2fsSuperblock.BLOCK_BYTES;
    }

    /** In both blocks of the checkpoint, with their checksum. */
    private static void count(
            FileBlockSource volume, FileChannel channel, F2fsCheckpoint checkpoint, long usedBlocks, long usedSegments)
            throws IOException {
        for (long number : new long[] {0, checkpoint.packBlocks() - 1}) {
            long place = (checkpoint.startBlock() + number) * F2fsSuperblock.BLOCK_BYTES;
            byte[] bytes = new byte[F2fsSuperblock.BLOCK_BYTES];
            ByteBuffer block = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            volume.read(place, block);
            int checksumAt = block.getInt(164);
            block.putLong(16, block.getLong(16) + usedBlocks).putInt(32, (int) (block.getInt(32) - usedSegments));
            int crc = F2fsCrc.update((int) F2fsSuperblock.MAGIC, bytes, 0, checksumAt);
            channel.write(block.putInt(checksumAt, crc).rewind(), place);
        }
    }
}
