package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/** Against nbdkit, whose filters make the servers that qemu-nbd is not. */
@Timeout(60)
class NbdkitTest {
    private static final int MIB = 1 << 20;
    private static final String ALLOCATION = "base:allocation";
    private static final NbdOptions OPTIONS = NbdOptions.defaults().withMetaContexts(ALLOCATION);

    @TempDir
    private Path directory;

    /** The pattern plugin's content: each 8 bytes hold their own offset. */
    private static void requirePattern(NbdClient client, long offset, int length) throws IOException {
        ByteBuffer whole = ByteBuffer.allocate(length + 16);
        long start = offset & -8;
        for (long at = start; at < start + length + 16; at += 8) {
            if (whole.remaining() >= 8) {
                whole.putLong(at);
            }
        }
        int skip = (int) (offset - start);
        assertEquals(whole.slice(skip, length), client.read(offset, length), offset + "+" + length);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--no-sr", "--verbose"})
    void readsWithAndWithoutStructuredReplies(String option) throws Exception {
        try (ServerProcess server = ServerProcess.nbdkit(directory, option, "pattern", "100M");
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            assertEquals(option.equals("--verbose"), client.hasStructuredReplies());
            assertEquals(client.hasStructuredReplies(), client.hasMetaContext(ALLOCATION));
            requirePattern(client, 0, 512);
            requirePattern(client, 77, 100_000);
            requirePattern(client, (100 << 20) - 5, 5);
            requirePattern(client, MIB - 1, 40 * MIB);
        }
    }

    @Test
    void keepsToTheServersBlockSizes() throws Exception {
        // The filter answers with an error whatever does not.
        try (ServerProcess server = ServerProcess.nbdkit(
                        directory,
                        "--filter=blocksize-policy",
                        "pattern",
                        "size=8M",
                        "blocksize-minimum=4096",
                        "blocksize-maximum=64K",
                        "blocksize-error-policy=error");
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            assertEquals(4096, client.serverLimits().minimumBytes());
            assertEquals(64 << 10, client.serverLimits().maximumBytes());
            for (int[] part : new int[][] {
                {0, 1}, {4095, 2}, {1, 4095}, {0, 4096}, {65535, 3}, {100, 1_000_000}, {8 * MIB - 1, 1}, {0, 8 * MIB}
            }) {
                requirePattern(client, part[0], part[1]);
            }
            assertEquals(
                    RangeSet.of(new ByteRange(5, 100_000)),
                    client.extents(ALLOCATION, new ByteRange(5, 100_000), flags -> flags == 0));
        }
    }

    @Test
    void zeroesWholeBlocksOnlyAndBeyondTheMaximumPayload() throws Exception {
        try (ServerProcess server = ServerProcess.nbdkit(
                        directory,
                        "--filter=blocksize-policy",
                        "memory",
                        "size=4G",
                        "blocksize-minimum=4096",
                        "blocksize-maximum=64K",
                        "blocksize-error-policy=error");
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            IllegalArgumentException thrown = assertThrows(
                    IllegalArgumentException.class,
                    () -> client.writeZeroes(
                            RangeSet.of(new ByteRange(0, 4096), new ByteRange(8192, 512)), done -> {}));
            assertTrue(thrown.getMessage().contains("whole blocks of 4096 bytes"), thrown.getMessage());
            assertThrows(
                    IllegalArgumentException.class,
                    () -> client.trim(RangeSet.of(new ByteRange(512, 4096)), done -> {}));
            long[] done = new long[1];
            client.writeZeroes(RangeSet.of(new ByteRange(4096, (4L << 30) - 8192)), bytes -> done[0] = bytes);
            assertEquals((4L << 30) - 8192, done[0]);
            client.trim(RangeSet.of(new ByteRange(0, 8192)), bytes -> done[0] = bytes);
            assertEquals(8192, done[0]);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--no-sr", "--verbose"})
    void errorRepliesCarryTheErrnoAndLeaveTheConnectionUsable(String option) throws Exception {
        Path trigger = directory.resolve("fail");
        try (ServerProcess server = ServerProcess.nbdkit(
                        directory,
                        option,
                        "--filter=error",
                        "memory",
                        "1M",
                        "error=ENOSPC",
                        "error-rate=1",
                        "error-file=" + trigger);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            client.read(0, 512);
            Files.createFile(trigger);
            NbdErrorException thrown = assertThrows(NbdErrorException.class, () -> client.read(0, 4096));
            assertEquals(28, thrown.errno());
            assertTrue(
                    thrown.getMessage().contains("NBD_CMD_READ of 4096 bytes at offset 0 with ENOSPC"),
                    thrown.getMessage());
            assertThrows(
                    NbdErrorException.class, () -> client.writeZeroes(RangeSet.of(new ByteRange(0, 4096)), done -> {}));
            Files.delete(trigger);
            client.read(0, MIB);
        }
    }

    @Test
    void aServerThatTakesTooLongIsGivenUp() throws Exception {
        NbdOptions impatient = OPTIONS.withRequestTimeout(Duration.ofMillis(200));
        try (ServerProcess server = ServerProcess.nbdkit(directory, "--filter=delay", "memory", "1M", "delay-read=20");
                NbdClient client = NbdClient.connect(server.socket(), impatient)) {
            NbdTimeoutException thrown = assertThrows(NbdTimeoutException.class, () -> client.read(0, 512));
            assertTrue(thrown.getMessage().contains("within 200 ms"), thrown.getMessage());
            assertThrows(NbdTimeoutException.class, client::flush);
            server.kill();
        }
    }

    @Test
    void aSlowServerIsNotGivenUpTooEarly() throws Exception {
        NbdOptions patient = OPTIONS.withRequestTimeout(Duration.ofMillis(1500));
        try (ServerProcess server =
                        ServerProcess.nbdkit(directory, "--filter=delay", "memory", "1M", "delay-read=400ms");
                NbdClient client = NbdClient.connect(server.socket(), patient)) {
            for (int i = 0; i < 4; i++) {
                client.read(0, 512);
            }
        }
    }

    @Test
    void anEmptyExportReadsAsNothing() throws Exception {
        try (ServerProcess server = ServerProcess.nbdkit(directory, "null", "size=0");
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            assertEquals(0, client.sizeBytes());
            assertEquals(0, client.read(0, 0).remaining());
            assertEquals(RangeSet.empty(), client.extents(ALLOCATION, new ByteRange(0, 0), flags -> true));
        }
    }

    @Test
    void theLargestExportIsWalkedByItsExtents() throws Exception {
        long size = Long.MAX_VALUE & -512;
        try (ServerProcess server = ServerProcess.nbdkit(directory, "memory", "size=" + size);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            assertEquals(size, client.sizeBytes());
            assertEquals(0, client.read(size - 1, 1).get(0));
            ByteRange tail = ByteRange.between(size - (10L << 30) - 1, size);
            assertEquals(RangeSet.of(tail), client.extents(ALLOCATION, tail, flags -> flags == 3));
        }
    }

    @Test
    void aReadOnlyExportRefusesToBeZeroed() throws Exception {
        try (ServerProcess server = ServerProcess.nbdkit(directory, "-r", "memory", "1M");
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            assertTrue(client.isReadOnly());
            assertFalse(client.canTrim());
            NbdRefusedException thrown =
                    assertThrows(NbdRefusedException.class, () -> client.writeZeroes(RangeSet.empty(), done -> {}));
            assertTrue(thrown.getMessage().contains("read-only"), thrown.getMessage());
        }
    }
}
