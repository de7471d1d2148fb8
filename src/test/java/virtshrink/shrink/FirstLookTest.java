package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;
import virtshrink.image.ImageFormat;
import virtshrink.image.Pace;

class FirstLookTest {
    private static final int DISKS = 24;

    @TempDir
    Path directory;

    /** With what is free on them, twice as much as the tests have memory. */
    @Test
    @Timeout(value = 120, unit = TimeUnit.SECONDS)
    void manyDisksFullOfHolesFitIntoMemory() throws IOException {
        GuestDisk.assumeTools();
        ExternalTool.assume("mkfs.fat", "dosfstools");
        Path image = ExternalTool.sparse(directory.resolve("disk.raw"), 600 << 20);
        ExternalTool.run("mkfs.fat", "-F", "32", "-s", "1", "-f", "1", image.toString());
        takeEveryOtherCluster(image);
        ShrinkRequest disk = ShrinkRequest.of(image, ImageFormat.RAW);
        List<RunContext> contexts = FirstLook.at(Collections.nCopies(DISKS, disk), Pace.FULL, new Cancellation());
        assertEquals(Collections.nCopies(DISKS, RunContext.ALONE), contexts);
    }

    /** Looking at all of these would take minutes. */
    @Test
    @Timeout(value = 120, unit = TimeUnit.SECONDS)
    void aLookEndsSoonWhenItIsCancelled() throws IOException {
        GuestDisk.assumeTools();
        ExternalTool.assume("mkfs.fat", "dosfstools");
        Path image = ExternalTool.sparse(directory.resolve("disk.raw"), 600 << 20);
        ExternalTool.run("mkfs.fat", "-F", "32", "-s", "1", "-f", "1", image.toString());
        takeEveryOtherCluster(image);
        ShrinkRequest disk = ShrinkRequest.of(image, ImageFormat.RAW);
        Cancellation cancellation = new Cancellation();
        AtomicLong cancelledNanos = new AtomicLong();
        Thread other = new Thread(() -> {
            Waiting.quietlyUntil(() -> !Waiting.childrenNaming(directory).isEmpty());
            cancelledNanos.set(System.nanoTime());
            cancellation.cancel("a guest wants to start");
        });
        other.start();
        List<RunContext> contexts = FirstLook.at(Collections.nCopies(500, disk), Pace.FULL, cancellation);
        long tookMillis = (System.nanoTime() - cancelledNanos.get()) / 1_000_000;
        assertEquals(500, contexts.size());
        assertEquals(Optional.of("a guest wants to start"), contexts.get(0).doubt());
        assertTrue(tookMillis < 2000, tookMillis + " ms");
        assertEquals(List.of(), Waiting.childrenNaming(directory));
    }

    private static void takeEveryOtherCluster(Path image) throws IOException {
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer boot = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
            channel.read(boot, 0);
            ByteBuffer table = ByteBuffer.allocate(512 * boot.getInt(0x24)).order(ByteOrder.LITTLE_ENDIAN);
            long tableAt = 512L * boot.getChar(0x0E);
            channel.read(table, tableAt);
            // The root directory has the first one.
            for (int cluster = 4; cluster < (1 << 20) - 2; cluster += 2) {
                table.putInt(4 * cluster, 0x0FFFFFFF);
            }
            channel.write(table.flip(), tableAt);
        }
    }
}
