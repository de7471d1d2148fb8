package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.BlockSource;
import virtshrink.block.CountingSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/** A tebibyte, of which the file holds little: time and requests grow with the tables, not with the disk. */
class FatLargeTest {
    private static final long TIB = 1L << 40;
    private static final int FAT32_CLUSTER_BYTES = 32 << 10;

    @TempDir
    Path directory;

    @BeforeEach
    void needsRoom() throws IOException {
        Assumptions.assumeTrue(
                Files.getFileStore(directory).getUsableSpace() > 2L << 30,
                "less than 2 GiB of room for a sparse image");
    }

    /** What one reading took. */
    private record Cost(FilesystemReport report, long millis, long requests, long bytes) {
        FilesystemState.FreeSpace space() {
            return assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report::toString);
        }
    }

    private static Cost measure(String what, FreeSpaceReader reader, BlockSource volume) throws IOException {
        CountingSource counted = new CountingSource(volume);
        long begun = System.nanoTime();
        FilesystemReport report = reader.read(counted);
        Cost cost = new Cost(report, (System.nanoTime() - begun) / 1_000_000, counted.requests(), counted.bytes());
        System.out.println(
                "%s: %d ms, %d requests, %d bytes".formatted(what, cost.millis(), cost.requests(), cost.bytes()));
        return cost;
    }

    @Test
    void aTebibyteOfFat32IsReadTableByTable() throws IOException {
        ExternalTool.assume("mkfs.fat", "dosfstools");
        Path image = Dosfstools.make(directory.resolve("image"), TIB, "-F 32 -s 64");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            Cost empty = measure("FAT32, 1 TiB, empty", new FatReader(), volume);
            // All but the root directory.
            long clusters = empty.space().freeBytes() / FAT32_CLUSTER_BYTES + 1;
            assertTrue(TIB / FAT32_CLUSTER_BYTES - clusters < 20_000, empty::toString);
            assertTrue(empty.requests() < 2 * clusters * 4 / (1 << 20) + 10, empty::toString);
            HalfFullFat.fat32(image);
            Cost half = measure("FAT32, 1 TiB, half full and full of holes", new FatReader(), volume);
            assertEquals(clusters - 1 - HalfFullFat.half(clusters), half.space().freeBytes() / FAT32_CLUSTER_BYTES);
            assertTrue(half.space().free().size() <= 1 << 19, half::toString);
        }
    }

    @Test
    void moreDirectoriesSideBySideThanMemoryHoldsAreRefused() throws IOException {
        ExternalTool.assume("mkfs.fat", "dosfstools");
        Path image = Dosfstools.make(directory.resolve("image"), 160 << 20, "-F 32 -s 1 -f 1");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            int directories = FatTree.MOST_WAITING + 1;
            int firstOfThem = 2 + (directories * 32 + 511) / 512;
            ByteBuffer boot = volume.read(0, 512).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer root = ByteBuffer.allocate(directories * 32).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer table = ByteBuffer.allocate(4 * (firstOfThem + directories))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(0x0FFFFFF8)
                    .putInt(0x0FFFFFFF);
            for (int cluster = 2; table.hasRemaining(); cluster++) {
                table.putInt(cluster < firstOfThem - 1 ? cluster + 1 : 0x0FFFFFFF);
            }
            for (int i = 0; i < directories; i++) {
                int cluster = firstOfThem + i;
                root.put("D%010d".formatted(i).getBytes(StandardCharsets.US_ASCII))
                        .put((byte) 0x10)
                        .position(32 * i + 0x14)
                        .putShort((short) (cluster >>> 16))
                        .position(32 * i + 0x1A)
                        .putShort((short) cluster)
                        .position(32 * (i + 1));
            }
            long first = boot.getChar(0x0E) * 512L;
            try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
                channel.write(table.flip(), first);
                channel.write(root.flip(), first + boot.getInt(0x24) * 512L);
            }
            String reason = measure("FAT32, many directories", new FatReader(), volume)
                    .report()
                    .state()
                    .reasonText();
            assertTrue(reason.contains("more than 262144 directories side by side"), reason);
        }
    }

    @Test
    void aRootDirectoryThatJumpsAboutDoesNotHideABrokenUpcaseTable() throws IOException {
        Exfatprogs.assumeInstalled();
        Path image = Exfatprogs.make(directory.resolve("image"), 2L << 30, "-c 512");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            ByteBuffer boot = volume.read(0, 512).order(ByteOrder.LITTLE_ENDIAN);
            long tableAt = boot.getInt(80) * 512L;
            int root = boot.getInt(96);
            ByteBuffer entries =
                    volume.read((boot.getInt(88) + root - 2) * 512L, 512).order(ByteOrder.LITTLE_ENDIAN);
            int at = 0;
            while ((entries.get(at) & 0xFF) != ExfatRoot.UPCASE) {
                at += 32;
            }
            int upcase = entries.getInt(at + 20);
            // Every link is in another piece of the table than the one before, and in none of those read last.
            int clusters = boot.getInt(92);
            ByteBuffer table = volume.read(tableAt, 4 * (clusters + 2)).order(ByteOrder.LITTLE_ENDIAN);
            int pieces = (clusters + 2) / 16384;
            int cluster = root;
            for (int i = 0; i < (1 << 16) + 1000; i++) {
                int next = 16384 * (1 + i % (pieces - 1)) + 8192 + i / (pieces - 1);
                table.putInt(4 * cluster, next);
                cluster = next;
            }
            table.putInt(4 * cluster, -1);
            table.putInt(4 * upcase, 0x7FFFFFFF);
            try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
                channel.write(table.rewind(), tableAt);
            }
            String reason = measure("exFAT, root directory in pieces", new ExfatReader(), volume)
                    .report()
                    .state()
                    .reasonText();
            assertTrue(reason.contains("continues in cluster 2147483647"), reason);
        }
    }

    @Test
    void aTebibyteOfExfatIsReadByItsBitmap() throws IOException {
        Exfatprogs.assumeInstalled();
        Path image = Exfatprogs.make(directory.resolve("image"), TIB, "-c 32K");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            Cost empty = measure("exFAT, 1 TiB, empty", new ExfatReader(), volume);
            assertEquals(Exfatprogs.freeBytes(image), empty.space().freeBytes());
            assertTrue(empty.requests() < 100, empty::toString);
            HalfFullFat.exfat(image);
            Cost half = measure("exFAT, 1 TiB, half full and full of holes", new ExfatReader(), volume);
            assertEquals(Exfatprogs.freeBytes(image), half.space().freeBytes());
            assertTrue(half.requests() < 100, half::toString);
            assertTrue(half.space().free().size() <= 1 << 19, half::toString);
        }
    }
}
