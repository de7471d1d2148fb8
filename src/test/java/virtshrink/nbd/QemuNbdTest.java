package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/** Against qemu-nbd, which has the last word. */
@Timeout(60)
class QemuNbdTest {
    private static final int MIB = 1 << 20;
    private static final int HOLE = 1;
    private static final int ZERO = 2;
    private static final String ALLOCATION = "base:allocation";
    private static final String DEPTH = "qemu:allocation-depth";
    private static final NbdOptions OPTIONS = NbdOptions.defaults();

    @TempDir
    private Path directory;

    @BeforeEach
    void toolsArePresent() {
        Tool.require("qemu-img", "qemu-utils");
        Tool.require("qemu-io", "qemu-utils");
        Tool.require("qemu-nbd", "qemu-utils");
    }

    @Test
    void readsARawDiskOfOddSizeAtAnyOffset() throws Exception {
        byte[] content = randomBytes(3 * MIB + 1536);
        Path raw = Files.write(directory.resolve("disk.raw"), content);
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-r", "-f", "raw", raw);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            assertEquals(content.length, client.sizeBytes());
            assertTrue(client.isReadOnly());
            assertFalse(client.canWriteZeroes());
            assertTrue(client.hasStructuredReplies());
            for (long[] part : new long[][] {{0, 1}, {1, 511}, {511, 2}, {4097, 70_000}, {0, content.length}}) {
                assertEquals(
                        ByteBuffer.wrap(content, (int) part[0], (int) part[1]), client.read(part[0], (int) part[1]));
            }
            assertEquals(0, client.read(content.length, 0).remaining());
            assertThrows(EOFException.class, () -> client.read(content.length - 1, 2));
            assertThrows(EOFException.class, () -> client.read(-1, 1));
            assertThrows(NbdRefusedException.class, () -> zero(client, new ByteRange(0, 512)));
            assertThrows(NbdRefusedException.class, () -> client.trim(RangeSet.empty(), done -> {}));
        }
    }

    @Test
    void fillsABufferFromItsPositionToItsLimit() throws Exception {
        Path raw = Files.write(directory.resolve("disk.raw"), randomBytes(MIB));
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-f", "raw", raw);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            for (ByteBuffer buffer : List.of(ByteBuffer.allocate(1000), ByteBuffer.allocateDirect(1000))) {
                buffer.position(100).limit(900);
                client.read(5000, buffer);
                assertEquals(900, buffer.position());
                assertEquals(0, buffer.get(99));
                assertEquals(0, buffer.limit(1000).get(900));
                assertEquals(client.read(5000, 800), buffer.slice(100, 800));
            }
        }
    }

    @Test
    void seesDataHolesAndDepthsOfAQcow2Chain() throws Exception {
        Path base = qcow2("base.qcow2", "16M");
        io(base, "write -P 1 0 4M");
        Path top = directory.resolve("top.qcow2");
        Tool.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top);
        io(top, "write -P 2 2M 4M");
        io(top, "write -z 8M 1M");
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-A", "-f", "qcow2", top);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withMetaContexts(ALLOCATION, DEPTH))) {
            assertTrue(client.hasMetaContext(ALLOCATION));
            assertTrue(client.hasMetaContext(DEPTH));
            assertFalse(client.hasMetaContext("qemu:dirty-bitmap:none"));
            ByteRange all = new ByteRange(0, client.sizeBytes());
            assertEquals(
                    RangeSet.of(new ByteRange(0, 6 * MIB)),
                    client.extents(ALLOCATION, all, flags -> (flags & ZERO) == 0));
            assertEquals(
                    RangeSet.of(new ByteRange(2 * MIB, 4 * MIB), new ByteRange(8 * MIB, MIB)),
                    client.extents(DEPTH, all, depth -> depth == 1));
            assertEquals(RangeSet.of(new ByteRange(0, 2 * MIB)), client.extents(DEPTH, all, depth -> depth == 2));
            assertEquals(
                    RangeSet.of(new ByteRange(3 * MIB, 512)),
                    client.extents(DEPTH, new ByteRange(3 * MIB, 512), depth -> depth == 1),
                    "clipped to the range");
            assertEquals(RangeSet.empty(), client.extents(DEPTH, new ByteRange(5, 0), depth -> true));
            assertThrows(
                    IllegalArgumentException.class, () -> client.extents(DEPTH, new ByteRange(1, 16 * MIB), d -> true));
        }
    }

    @Test
    void aContextThatIsNotServedIsAbsentAndRefused() throws Exception {
        Path image = qcow2("disk.qcow2", "1M");
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-f", "qcow2", image);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withMetaContexts(DEPTH))) {
            assertFalse(client.hasMetaContext(DEPTH));
            assertThrows(NbdRefusedException.class, () -> client.extents(DEPTH, new ByteRange(0, MIB), depth -> true));
        }
    }

    @Test
    void extentsLeaveNoGapInAFragmentedImage() throws Exception {
        Path raw = directory.resolve("disk.raw");
        int pieces = 3000;
        try (FileChannel channel = FileChannel.open(raw, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (int i = 0; i < pieces; i++) {
                channel.write(ByteBuffer.wrap(new byte[] {1}), i * 8192L);
            }
            channel.write(ByteBuffer.wrap(new byte[1]), 9L << 30);
        }
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-r", "-f", "raw", raw);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withMetaContexts(ALLOCATION))) {
            List<Long> ends = new ArrayList<>(List.of(12_345L));
            ByteRange range = ByteRange.between(12_345, client.sizeBytes() - 1);
            client.blockStatus(ALLOCATION, range, (start, length, flags) -> {
                assertEquals(ends.get(ends.size() - 1), start);
                assertTrue(length > 0);
                ends.add(start + length);
            });
            assertEquals(range.endBytes(), ends.get(ends.size() - 1));
            assertTrue(ends.size() >= pieces, "extents: " + ends.size());
        }
    }

    @Test
    void zeroesAreWrittenAndNothingElse() throws Exception {
        Path image = qcow2("disk.qcow2", "64M");
        io(image, "write -P 7 0 64M");
        RangeSet ranges =
                RangeSet.of(new ByteRange(0, 65536), new ByteRange(MIB, 10 * MIB), new ByteRange(60 * MIB, 4 * MIB));
        List<Long> progress = new ArrayList<>();
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "--discard=unmap", "-f", "qcow2", image);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withMetaContexts(ALLOCATION))) {
            assertTrue(client.canWriteZeroes() && client.canTrim() && client.canFlush() && !client.isReadOnly());
            client.writeZeroes(ranges, progress::add);
            client.flush();
            assertEquals(List.of(65536L, 65536L + 10 * MIB, 65536L + 14 * MIB), progress);
            assertEquals(
                    ranges,
                    client.extents(ALLOCATION, new ByteRange(0, 64 * MIB), flags -> (flags & (ZERO | HOLE)) == 3));
            assertEquals(7, client.read(MIB - 1, 2).get(0));
            assertEquals(0, client.read(MIB - 1, 2).get(1));
            assertThrows(
                    IllegalArgumentException.class, () -> zero(client, new ByteRange(64 * MIB - 512, 1024)), "beyond");
        }
        String map = Tool.run("qemu-img", "map", "--output=json", image).replaceAll("\\s", "");
        assertTrue(map.contains("{\"start\":0,\"length\":65536,\"depth\":0,\"present\":true,\"zero\":true"), map);
        assertTrue(map.contains("{\"start\":65536,\"length\":983040,\"depth\":0,\"present\":true,\"zero\":false"), map);
        assertTrue(
                map.contains("{\"start\":1048576,\"length\":10485760,\"depth\":0,\"present\":true,\"zero\":true"), map);
        Tool.run("qemu-img", "check", "-q", image);
    }

    @Test
    void zeroesOfTerabytesTakeManyRequestsAndOnlyMetadata() throws Exception {
        Path image = qcow2("disk.qcow2", "2T");
        io(image, "write -P 7 0 1M");
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-f", "qcow2", image);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withMetaContexts(ALLOCATION))) {
            // Begins and ends within a cluster: only there data may be written.
            ByteRange range = ByteRange.between(512, (100L << 30) + 512);
            List<Long> progress = new ArrayList<>();
            client.writeZeroes(RangeSet.of(range), progress::add);
            client.flush();
            assertEquals(range.lengthBytes(), progress.get(progress.size() - 1));
            assertEquals(101, progress.size());
            RangeSet zero = client.extents(ALLOCATION, new ByteRange(0, 2L << 40), flags -> (flags & ZERO) != 0);
            assertEquals(RangeSet.of(ByteRange.between(65536, 2L << 40)), zero);
        }
    }

    @Test
    void trimMakesHoles() throws Exception {
        Path raw = Files.write(directory.resolve("disk.raw"), randomBytes(4 * MIB));
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "--discard=unmap", "-f", "raw", raw);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            client.trim(RangeSet.of(new ByteRange(MIB, MIB)), done -> assertEquals(MIB, done));
            client.flush();
            assertEquals(ByteBuffer.allocate(MIB), client.read(MIB, MIB));
        }
        assertTrue(((Number) Files.getAttribute(raw, "unix:size")).longValue() == 4 * MIB);
        assertTrue(Tool.run("stat", "-c", "%b", raw).strip().transform(Long::parseLong) * 512 <= 3 * MIB + 65536);
    }

    @Test
    void manyThreadsReadAtOnceOverOneConnection() throws Exception {
        byte[] content = randomBytes(8 * MIB);
        Path raw = Files.write(directory.resolve("disk.raw"), content);
        long seed = System.nanoTime();
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-r", "-f", "raw", raw);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            List<CompletableFuture<Void>> threads = new ArrayList<>();
            for (int thread = 0; thread < 12; thread++) {
                Random random = new Random(seed + thread);
                CompletableFuture<Void> done = new CompletableFuture<>();
                Thread reader = new Thread(() -> {
                    try {
                        for (int i = 0; i < 100; i++) {
                            int length = 1 + random.nextInt(1 << random.nextInt(19));
                            int offset = random.nextInt(content.length - length);
                            assertEquals(
                                    ByteBuffer.wrap(content, offset, length),
                                    client.read(offset, length),
                                    "seed " + seed);
                        }
                        done.complete(null);
                    } catch (IOException | RuntimeException | Error e) {
                        done.completeExceptionally(e);
                    }
                });
                reader.start();
                threads.add(done);
            }
            threads.forEach(CompletableFuture::join);
        }
    }

    @Test
    void aKilledServerFailsWhatIsUnderWayAndWhatComesLater() throws Exception {
        Path image = qcow2("disk.qcow2", "1T");
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-f", "qcow2", image);
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            CompletableFuture<Void> first = new CompletableFuture<>();
            CompletableFuture<Void> zeroing = CompletableFuture.runAsync(() -> {
                try {
                    client.writeZeroes(RangeSet.of(new ByteRange(0, 1L << 40)), done -> first.complete(null));
                } catch (IOException e) {
                    throw new CompletionException(e);
                }
            });
            first.join();
            server.kill();
            CompletionException thrown = assertThrows(CompletionException.class, zeroing::join);
            assertInstanceOf(NbdDisconnectedException.class, thrown.getCause());
            assertThrows(NbdDisconnectedException.class, client::flush);
        }
    }

    @Test
    void anUnknownExportIsRefusedByName() throws Exception {
        Path image = qcow2("disk.qcow2", "1M");
        try (ServerProcess server = ServerProcess.qemuNbd(directory, "-x", "vda", "-f", "qcow2", image)) {
            NbdRefusedException thrown = assertThrows(
                    NbdRefusedException.class, () -> NbdClient.connect(server.socket(), OPTIONS.withExportName("vdb")));
            assertTrue(thrown.getMessage().contains("\"vdb\": NBD_REP_ERR_UNKNOWN"), thrown.getMessage());
            try (NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withExportName("vda"))) {
                assertEquals(MIB, client.sizeBytes());
            }
        }
    }

    @Test
    void closingEndsAServerThatIsNotPersistent() throws Exception {
        Path image = qcow2("disk.qcow2", "1M");
        try (ServerProcess server = ServerProcess.qemuNbdForOneClient(directory, "-f", "qcow2", image)) {
            NbdClient.connect(server.socket(), OPTIONS).close();
            assertEquals(0, server.exitCode());
        }
    }

    private static void zero(NbdClient client, ByteRange range) throws IOException {
        client.writeZeroes(RangeSet.of(range), done -> {});
    }

    private Path qcow2(String name, String size) throws Exception {
        Path image = directory.resolve(name);
        Tool.run("qemu-img", "create", "-q", "-f", "qcow2", image, size);
        return image;
    }

    private static void io(Path image, String command) throws Exception {
        Tool.run("qemu-io", "-f", "qcow2", "-c", command, image);
    }

    private static byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }
}
