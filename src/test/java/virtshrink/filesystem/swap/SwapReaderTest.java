package virtshrink.filesystem.swap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

class SwapReaderTest {
    private static final String UUID = "01234567-89ab-cdef-0123-456789abcdef";
    private static final int SIZE_BYTES = 1 << 20;

    private final SwapReader reader = new SwapReader();

    @TempDir
    Path directory;

    /** As {@code mkswap -L spare -U 01234567-…} writes it, pages of 4 KiB. */
    private static MemoryDisk usual() {
        return new MemoryDisk(SIZE_BYTES)
                .u32le(1024, 1)
                .u32le(1028, 255)
                .put(
                        1036, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
                        0xef)
                .put(1052, "spare")
                .put(4086, "SWAPSPACE2");
    }

    @Test
    void freesEveryPageButTheHeader() throws IOException {
        assertEquals(
                new FilesystemReport(
                        new FilesystemIdentity("swap", "spare", UUID, 4096, SIZE_BYTES),
                        new FilesystemState.FreeSpace(255 * 4096, RangeSet.of(ByteRange.between(4096, SIZE_BYTES)))),
                reader.read(usual()));
    }

    @Test
    void leavesBadPagesAlone() throws IOException {
        MemoryDisk disk = usual().u32le(1032, 4)
                .u32le(1536, 7)
                .u32le(1540, 1)
                .u32le(1544, 255)
                .u32le(1548, 7);
        FilesystemState.FreeSpace space = assertInstanceOf(
                FilesystemState.FreeSpace.class, reader.read(disk).state());
        assertEquals(
                RangeSet.of(ByteRange.between(2 * 4096, 7 * 4096), ByteRange.between(8 * 4096, 255 * 4096)),
                space.free());
        assertEquals(252 * 4096, space.freeBytes());
    }

    @Test
    void freesNothingBehindTheLastPage() throws IOException {
        FilesystemReport report = reader.read(usual().u32le(1028, 9));
        assertEquals(
                RangeSet.of(ByteRange.between(4096, 10 * 4096)),
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state())
                        .free());
        assertEquals(10 * 4096, report.identity().totalBytes());
    }

    @ParameterizedTest
    @ValueSource(ints = {4096, 8192, 16384, 32768, 65536})
    void agreesWithMkswap(int pageBytes) throws IOException {
        ExternalTool.assume("mkswap", "util-linux");
        Path image = ExternalTool.sparse(directory.resolve("swap"), 3_000_000);
        String output = ExternalTool.run("mkswap", "-p", "" + pageBytes, "-L", "a label", "-U", UUID, image.toString());
        Matcher size = Pattern.compile("\\((\\d+) bytes\\)").matcher(output);
        assertTrue(size.find(), output);
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            assertTrue(reader.recognises(volume));
            FilesystemReport report = reader.read(volume);
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report::toString);
            assertEquals(Long.parseLong(size.group(1)), space.freeBytes());
            assertEquals("a label", report.identity().label());
            assertEquals(UUID, report.identity().uuid());
            assertEquals(pageBytes, report.identity().blockBytes());
            assertFalse(space.free().overlaps(new ByteRange(0, pageBytes)));
        }
    }

    static Stream<Arguments> brokenFields() {
        return Stream.of(
                changed("corrupt: swap_header at offset 1028: no pages", disk -> disk.u32le(1028, 0)),
                changed(
                        "corrupt: swap_header at offset 1028: 257 pages of 4096 bytes expected, the volume has 256",
                        disk -> {
                            disk.u32le(1028, 256);
                        }),
                changed(
                        "corrupt: swap_header at offset 1028: 4294967296 pages of 4096 bytes expected, the volume",
                        disk -> {
                            disk.u32le(1028, 0xFFFFFFFFL);
                        }),
                changed("corrupt: swap_header at offset 1032: at most 637 bad pages expected, 638 found", disk -> {
                    disk.u32le(1032, 638);
                }),
                changed("corrupt: swap_header at offset 1032: at most 637 bad pages expected, 4294967295", disk -> {
                    disk.u32le(1032, -1);
                }),
                changed("corrupt: swap_header at offset 1536: bad page 1 to 255 expected, 0 found", disk -> {
                    disk.u32le(1032, 1);
                }),
                changed("corrupt: swap_header at offset 1540: bad page 1 to 255 expected, 256 found", disk -> {
                    disk.u32le(1032, 2).u32le(1536, 5).u32le(1540, 256);
                }),
                changed("unsupported: swap area of version 2, 1 is supported", disk -> disk.u32le(1024, 2)),
                changed("unsupported: swap area written by a big-endian machine", disk -> disk.u32be(1024, 1)),
                changed("unsupported: swap header uses reserved fields", disk -> disk.put(1068, 1)),
                changed("unsupported: swap header uses reserved fields", disk -> disk.put(1535, 1)),
                changed("unsupported: swap area of the old layout 0", disk -> disk.put(4086, "SWAP-SPACE")),
                changed("unsupported: swap signatures of 2 page sizes", disk -> disk.put(65526, "SWAPSPACE2")));
    }

    private static Arguments changed(String state, Consumer<MemoryDisk> change) {
        return Arguments.of(state, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenFields")
    void leavesAnAreaAloneForOneBrokenField(String state, Consumer<MemoryDisk> change) throws IOException {
        MemoryDisk disk = usual();
        change.accept(disk);
        assertTrue(reader.recognises(disk));
        FilesystemReport report = reader.read(disk);
        assertEquals("swap", report.identity().type());
        String found = report.state().contractName() + ": " + report.state().reasonText();
        assertTrue(found.startsWith(state), found);
    }

    @ParameterizedTest
    @ValueSource(strings = {"S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"})
    void recognisesHibernatedGuestsAtEveryPageSize(String magic) throws IOException {
        for (int pageBytes = 4096; pageBytes <= 65536; pageBytes *= 2) {
            MemoryDisk disk = new MemoryDisk(SIZE_BYTES).put(pageBytes - 10, magic);
            assertTrue(reader.recognises(disk));
            FilesystemReport report = reader.read(disk);
            assertEquals("swsuspend", report.identity().type());
            FilesystemState.Hibernated hibernated = assertInstanceOf(FilesystemState.Hibernated.class, report.state());
            assertEquals("the guest is hibernated in this swap area (" + magic + ")", hibernated.reason());
        }
    }

    @Test
    void recognisesHibernationBesideAStaleSwapSignature() throws IOException {
        FilesystemReport report = reader.read(usual().put(8182, "S1SUSPEND\0"));
        assertInstanceOf(FilesystemState.Hibernated.class, report.state());
    }

    @Test
    void recognisesTuxOnIceThatKeepsTheSwapSignature() throws IOException {
        MemoryDisk disk = usual().put(0, 0xED, 0xC3, 0x02, 0xE9, 0x98, 0x56, 0xE5, 0x0C);
        assertInstanceOf(FilesystemState.Hibernated.class, reader.read(disk).state());
    }

    @Test
    void recognisesNothingInEmptyOrTinyVolumes() throws IOException {
        for (int size : new int[] {0, 1, 4095, 4096, SIZE_BYTES}) {
            assertFalse(reader.recognises(new MemoryDisk(size)), "size " + size);
        }
    }

    @Test
    void leavesAreasAloneThatTheirVolumeCutsShort() throws IOException {
        FilesystemReport report = reader.read(usual().resized(SIZE_BYTES - 1));
        assertInstanceOf(FilesystemState.Corrupt.class, report.state());
        assertInstanceOf(
                FilesystemState.Corrupt.class,
                reader.read(usual().resized(4096)).state());
    }

    @Test
    void survivesRandomHeadersWithoutFreeingTheHeaderOrAnythingOutside() throws IOException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            MemoryDisk disk = usual();
            for (int change = random.nextInt(8); change >= 0; change--) {
                int at = random.nextBoolean() ? 1024 + random.nextInt(48) : 1024 + random.nextInt(3062);
                disk.put(at, random.nextInt(256));
            }
            if (reader.recognises(disk) && reader.read(disk).state() instanceof FilesystemState.FreeSpace space) {
                assertTrue(
                        RangeSet.of(ByteRange.between(4096, SIZE_BYTES))
                                        .subtract(space.free())
                                        .totalBytes()
                                == 255 * 4096 - space.freeBytes(),
                        "seed " + seed + ", round " + round);
            }
        }
    }
}
