package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.CorruptStructureException;

class Qcow2HeaderTest {
    private static final int CLUSTER = 65536;

    @TempDir
    private Path directory;

    /** A version 3 header with every field at a value of its own, two extensions and a backing file. */
    private static ByteBuffer sample() {
        ByteBuffer b = ByteBuffer.allocate(CLUSTER);
        b.putInt(0, Qcow2Header.MAGIC).putInt(4, 3);
        b.putLong(8, 600).putInt(16, 9); // backing file
        b.put(600, "base.img!".getBytes(StandardCharsets.UTF_8));
        b.putInt(20, 16).putLong(24, 1L << 30); // cluster_bits, size
        b.putInt(36, 2).putLong(40, 3 * CLUSTER); // L1
        b.putLong(48, CLUSTER).putInt(56, 1); // refcount table
        b.putInt(60, 5).putLong(64, 9 * CLUSTER); // snapshots
        b.putLong(80, 1); // lazy refcounts
        b.putInt(96, 4).putInt(100, 112);
        b.putInt(112, 0xe2792aca).putInt(116, 5).put(120, "qcow2".getBytes(StandardCharsets.UTF_8));
        b.putInt(128, 0x6803f857).putInt(132, 48);
        return b;
    }

    private static ByteBuffer with(Consumer<ByteBuffer> change) {
        ByteBuffer header = sample();
        change.accept(header);
        return header;
    }

    @Test
    void everyFieldIsRead() {
        Qcow2Header header = Qcow2Header.parse(sample());
        assertEquals(
                new Qcow2Header(
                        3,
                        Optional.of("base.img!"),
                        16,
                        1L << 30,
                        0,
                        2,
                        3 * CLUSTER,
                        CLUSTER,
                        1,
                        5,
                        0,
                        1,
                        0,
                        4,
                        0,
                        false,
                        new Qcow2Extensions(Optional.of("qcow2"), 0, Optional.empty(), false, List.of())),
                header);
    }

    static Stream<Arguments> faults() {
        return Stream.of(
                fault("no qcow2 magic", b -> b.put(3, (byte) 0xfa)),
                fault("version 1", b -> b.putInt(4, 1)),
                fault("version 4", b -> b.putInt(4, 4)),
                fault("version 4294967295", b -> b.putInt(4, -1)),
                fault("backing_file_offset 111", b -> b.putLong(8, 111)),
                fault("backing_file_offset 65537", b -> b.putLong(8, CLUSTER + 1)),
                fault("backing_file_offset -1", b -> b.putLong(8, -1)),
                fault("backing_file_size 1024", b -> b.putInt(16, 1024)),
                fault("backing_file_size 4294967295", b -> b.putInt(16, -1)),
                fault("backing_file_size 9", b -> b.putLong(8, CLUSTER - 8)),
                fault("backing file name is no text", b -> b.put(601, (byte) 0)),
                fault("backing file name is no text", b -> b.put(601, (byte) 0xff)),
                fault("cluster_bits 8", b -> b.putInt(20, 8)),
                fault("cluster_bits 22", b -> b.putInt(20, 22)),
                fault("cluster_bits 80", b -> b.putInt(20, 80)),
                fault("cluster_bits 4294967295", b -> b.putInt(20, -1)),
                fault("64-bit value out of range", b -> b.putLong(24, -1)),
                fault("l1_size 2, where 3 are needed", b -> b.putLong(24, (1L << 30) + 1)),
                fault("l1_size 2, where 17179869184 are needed", b -> b.putLong(24, Long.MAX_VALUE)),
                fault("crypt_method 3", b -> b.putInt(32, 3)),
                fault("l1_table of 33554440 bytes", b -> b.putInt(36, (4 << 20) + 1)),
                fault("l1_table of 34359738360 bytes", b -> b.putInt(36, -1)),
                fault("l1_table offset 0", b -> b.putLong(40, 0)),
                fault("l1_table offset 196609", b -> b.putLong(40, 3 * CLUSTER + 1)),
                fault("l1_table offset -65536", b -> b.putLong(40, -CLUSTER)),
                fault("l1_table offset 72057594037927936", b -> b.putLong(40, 1L << 56)),
                fault("refcount_table offset 0", b -> b.putLong(48, 0)),
                fault("refcount_table offset 1", b -> b.putLong(48, 1)),
                fault("no refcount table", b -> b.putInt(56, 0)),
                fault("refcount_table of 8454144 bytes", b -> b.putInt(56, 129)),
                fault("refcount_table of 281474976645120 bytes", b -> b.putInt(56, -1)),
                fault("nb_snapshots 65537", b -> b.putInt(60, 65537)),
                fault("contradicts its feature bit", b -> b.putLong(72, Qcow2Header.COMPRESSION_TYPE)),
                fault("contradicts its feature bit", b -> b.put(104, (byte) 1)),
                fault(
                        "extended L2 entries in clusters of 8192",
                        b -> b.putInt(20, 13).putLong(72, Qcow2Header.EXTENDED_L2)),
                fault("l1_size 2, where 4 are needed", b -> b.putLong(72, Qcow2Header.EXTENDED_L2)),
                fault("bitmaps bit without bitmaps extension", b -> b.putLong(88, 1)),
                fault("refcount_order 7", b -> b.putInt(96, 7)),
                fault("header_length 96", b -> b.putInt(100, 96)),
                fault("header_length 113", b -> b.putInt(100, 113)),
                fault("header_length 65544", b -> b.putInt(100, CLUSTER + 8)),
                fault("header_length 4294967288", b -> b.putInt(100, -8)),
                fault("extension e2792aca of 481 bytes", b -> b.putInt(116, 481)),
                fault("extension e2792aca of 4294967295 bytes", b -> b.putInt(116, -1)),
                fault("backing format name of 64 bytes", b -> b.putInt(116, 64)),
                fault("backing format name is no text", b -> b.put(121, (byte) 0)),
                fault("extension e2792aca appears twice", b -> b.putInt(128, 0xe2792aca)),
                fault("bitmaps extension of 48 bytes", b -> b.putInt(128, 0x23852875)),
                fault("nb_bitmaps 0", b -> b.putInt(128, 0x23852875).putInt(132, 24)),
                fault(
                        "nb_bitmaps 65536",
                        b -> b.putInt(128, 0x23852875).putInt(132, 24).putInt(136, 65536)));
    }

    private static Arguments fault(String reason, Consumer<ByteBuffer> change) {
        return Arguments.of(reason, Named.of("changed", change));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void oneWrongFieldIsNamed(String reason, Consumer<ByteBuffer> change) {
        ByteBuffer header = with(change);
        CorruptStructureException e = assertThrows(CorruptStructureException.class, () -> Qcow2Header.parse(header));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
    }

    @Test
    void aHeaderCutShortAnywhereIsRefused() {
        for (int length = 0; length < 609; length++) {
            ByteBuffer cut = sample().limit(length).slice();
            assertThrows(CorruptStructureException.class, () -> Qcow2Header.parse(cut), "cut at " + length);
        }
    }

    @Test
    void whatIsNotKnownIsTold() {
        assertEquals(
                List.of(0x12345678),
                Qcow2Header.parse(with(b -> b.putInt(128, 0x12345678)))
                        .extensions()
                        .unknown());
        assertTrue(Qcow2Header.parse(with(b -> b.put(105, (byte) 1))).unknownFields());
        assertEquals(
                Optional.of("data"),
                Qcow2Header.parse(with(b -> b.putInt(128, 0x44415441)
                                .putInt(132, 4)
                                .put(136, "data".getBytes(StandardCharsets.UTF_8))))
                        .extensions()
                        .dataFile());
        assertTrue(Qcow2Header.parse(with(b -> b.putInt(128, 0x0537be77).putInt(132, 16)))
                .extensions()
                .encryption());
    }

    static Stream<Arguments> unreadable() {
        return Stream.of(
                fault("unknown incompatible feature (bit 5)", b -> b.putLong(72, 1 << 5)),
                fault("unknown incompatible feature (bit 63)", b -> b.putLong(72, 1L << 63)),
                fault("marked as corrupt", b -> b.putLong(72, Qcow2Header.CORRUPT)),
                fault("external data file", b -> b.putLong(72, Qcow2Header.DATA_FILE)),
                fault("external data file", b -> b.putInt(128, 0x44415441).putInt(132, 0)),
                fault("external data file", b -> b.putLong(88, Qcow2Header.RAW_DATA_FILE)),
                fault("encrypted", b -> b.putInt(32, 1)),
                fault("encrypted", b -> b.putInt(32, 2)),
                fault("encrypted", b -> b.putInt(128, 0x0537be77)),
                fault(
                        "unknown compression (type 2)",
                        b -> b.put(104, (byte) 2).putLong(72, Qcow2Header.COMPRESSION_TYPE)));
    }

    @ParameterizedTest
    @MethodSource("unreadable")
    void whatMustNotBeOpenedIsNamed(String reason, Consumer<ByteBuffer> change) {
        String why =
                Qcow2Features.whyNotReadable(Qcow2Header.parse(with(change))).orElse("readable");
        assertTrue(why.contains(reason), why);
    }

    static Stream<Arguments> irreplaceable() {
        Consumer<ByteBuffer> noSnapshots = b -> b.putInt(60, 0);
        return Stream.of(
                fault("unknown autoclear feature (bit 2)", noSnapshots.andThen(b -> b.putLong(88, 4))),
                fault("unknown autoclear feature (bit 63)", noSnapshots.andThen(b -> b.putLong(88, 1L << 63))),
                fault("unknown compatible feature (bit 1)", noSnapshots.andThen(b -> b.putLong(80, 2))),
                fault("unknown type 0x12345678", noSnapshots.andThen(b -> b.putInt(128, 0x12345678))),
                fault("header fields that are not known", noSnapshots.andThen(b -> b.put(111, (byte) 1))),
                fault("dirty bit", noSnapshots.andThen(b -> b.putLong(72, 1).putLong(80, 0))),
                fault("has 5 internal snapshots", b -> {}),
                fault(
                        "inconsistent",
                        noSnapshots.andThen(
                                b -> b.putInt(128, 0x23852875).putInt(132, 24).putInt(136, 1))),
                fault("compat 0.10", noSnapshots.andThen(b -> b.putInt(4, 2))),
                fault("nothing", noSnapshots),
                fault("nothing", noSnapshots.andThen(b -> b.putLong(72, 1))));
    }

    @ParameterizedTest
    @MethodSource("irreplaceable")
    void whatARebuildWouldLoseIsNamed(String reason, Consumer<ByteBuffer> change) {
        String why =
                Qcow2Features.whyNotReplaceable(Qcow2Header.parse(with(change))).orElse("nothing");
        assertTrue(why.contains(reason), why);
    }

    @Test
    void randomMutationsAreParsedOrRefused() {
        for (long seed = 0; seed < 30_000; seed++) {
            Random random = new Random(seed);
            ByteBuffer header = sample();
            int changes = 1 + random.nextInt(4);
            for (int i = 0; i < changes; i++) {
                int at = random.nextInt(10) == 0 ? random.nextInt(700) : random.nextInt(192);
                header.put(at, (byte) (random.nextBoolean() ? random.nextInt() : 1 << random.nextInt(8)));
            }
            try {
                Qcow2Header parsed = Qcow2Header.parse(header);
                Qcow2Features.whyNotReadable(parsed);
                Qcow2Features.whyNotReplaceable(parsed);
                BackingReference.of(parsed, Path.of("/image"));
            } catch (CorruptStructureException | ImageRefusedException refused) {
                assertTrue(refused.getMessage().length() < 2000);
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cluster_size=512, 9, 3, 1, 4",
        "cluster_size=4k, 12, 3, 1, 4",
        "cluster_size=2M, 21, 3, 1, 4",
        "'compat=0.10', 16, 2, 1, 4",
        "'compat=0.10,cluster_size=512', 9, 2, 1, 4",
        "refcount_bits=1, 16, 3, 1, 0",
        "refcount_bits=64, 16, 3, 1, 6",
        "'cluster_size=16k,extended_l2=on', 14, 3, 1, 4",
        "compression_type=zstd, 16, 3, 1, 4",
        "lazy_refcounts=on, 16, 3, 1, 4",
    })
    void headersOfQemuAreRead(String options, int clusterBits, int version, long megabytes, int refcountOrder)
            throws Exception {
        Tools.requireQemuImg();
        Path image = Tools.qcow2(directory, "a.qcow2", megabytes + "M", "-o", options);
        Qcow2Header header = Qcow2Features.readable(image);
        assertEquals(clusterBits, header.clusterBits());
        assertEquals(version, header.version());
        assertEquals(megabytes << 20, header.sizeBytes());
        assertEquals(refcountOrder, header.refcountOrder());
        assertEquals(options.contains("extended"), header.hasIncompatible(Qcow2Header.EXTENDED_L2));
        assertEquals(options.contains("zstd") ? 1 : 0, header.compressionType());
        assertEquals(options.contains("lazy") ? 1 : 0, header.compatibleFeatures());
        assertEquals(Optional.empty(), Qcow2Features.whyNotReplaceable(header));
    }

    @Test
    void theLargestDiskOfQemuIsRead() throws Exception {
        Tools.requireQemuImg();
        Path image = Tools.qcow2(directory, "a.qcow2", "2P", "-o", "cluster_size=2M");
        assertEquals(1L << 51, Qcow2Features.readable(image).sizeBytes());
    }

    @Test
    void anEmptyFileIsRefused() throws Exception {
        Path empty = Files.createFile(directory.resolve("empty"));
        assertThrows(ImageRefusedException.class, () -> Qcow2Features.readable(empty));
        try (FileChannel channel = FileChannel.open(empty)) {
            assertEquals(Optional.empty(), Qcow2Header.rawBackingName(channel));
        }
    }
}
