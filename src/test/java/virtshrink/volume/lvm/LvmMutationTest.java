package virtshrink.volume.lvm;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;
import virtshrink.block.SegmentedBlockSource;

/** Real metadata, changed: noticed where checksums are, and harmless where these are made to fit again. */
class LvmMutationTest {
    private static final long SEED = 0x4C564D32L;
    private static final int LABEL = 512;
    private static final int AREA = 4096;
    private static final int SECTOR = 512;
    private static final int HEAD = 128 << 10;

    @TempDir
    Path directory;

    /** Linear, striped on itself, and a thin pool. */
    private MemoryDisk group(String... pvcreate) throws IOException {
        try (LvmHost host = new LvmHost(directory)) {
            host.add(8 << 20);
            host.lvm("pvcreate " + String.join(" ", pvcreate) + " @0");
            host.lvm("vgcreate -s 128K vg @0");
            host.lvm("lvcreate -an -Zn -Wn -l 7 -n a vg");
            host.lvm("lvcreate -an -Zn -Wn -l 6 -n b vg");
            host.lvm("lvextend -l +3 vg/a");
            host.addToText(
                    "vg",
                    LvmText.visible(
                                    "thin",
                                    LvmText.segment(
                                            0,
                                            5,
                                            "thin",
                                            "thin_pool = \"pool\"",
                                            "transaction_id = 0",
                                            "device_id = 1"))
                            + LvmText.visible(
                                    "pool",
                                    LvmText.segment(
                                            0,
                                            2,
                                            "thin-pool",
                                            "metadata = \"pool_tmeta\"",
                                            "pool = \"pool_tdata\"",
                                            "transaction_id = 1",
                                            "chunk_size = 128",
                                            "discards = \"passdown\"",
                                            "zero_new_blocks = 1"))
                            + LvmText.hidden("pool_tmeta", LvmText.linear(0, 1, "pv0", 30))
                            + LvmText.hidden("pool_tdata", LvmText.linear(0, 2, "pv0", 33)));
            return MemoryDisk.load(host.file(0));
        }
    }

    private static int textAt(MemoryDisk disk) {
        return AREA + (int) disk.u64le(AREA + 40);
    }

    private static int textLength(MemoryDisk disk) {
        return (int) disk.u64le(AREA + 48);
    }

    /** Nothing behind the metadata is ever changed. */
    private static MemoryDisk restored(MemoryDisk disk, byte[] head) {
        return disk.putBytes(0, head);
    }

    private static LvmLayout read(BlockSource disk) throws IOException {
        return LvmVolumes.read(List.of(disk));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-y", "--pvmetadatacopies=2"})
    void everyFlippedBitIsNoticed(String option) throws IOException {
        MemoryDisk disk = group(option);
        RangeSet free = read(disk).physicalVolumes().get(0).free();
        assertTrue(free.totalBytes() > 0);
        List<ByteRange> places = List.of(
                new ByteRange(LABEL, SECTOR),
                new ByteRange(AREA, SECTOR),
                new ByteRange(textAt(disk), textLength(disk)));
        for (ByteRange place : places) {
            for (int at = (int) place.startBytes(); at < place.endBytes(); at++) {
                for (int bit = at % 2; bit < 8; bit += 2) {
                    disk.bytes()[at] ^= (byte) (1 << bit);
                    LvmLayout.PhysicalVolume volume =
                            read(disk).physicalVolumes().get(0);
                    assertTrue(volume.leftAlone().isPresent(), "bit %d of byte %d".formatted(bit, at));
                    assertEquals(RangeSet.empty(), volume.free());
                    disk.bytes()[at] ^= (byte) (1 << bit);
                }
            }
        }
        assertEquals(free, read(disk).physicalVolumes().get(0).free());
    }

    @Test
    void changedTextWithFittingChecksumsIsHarmless() throws IOException {
        MemoryDisk original = group("-y");
        byte[] head = Arrays.copyOf(original.bytes(), HEAD);
        String text = new String(original.bytes(), textAt(original), textLength(original), ISO_8859_1);
        Random random = new Random(SEED);
        int understood = 0;
        for (int round = 0; round < 6000; round++) {
            String changed = text;
            for (int change = random.nextInt(3); change >= 0; change--) {
                changed = change(changed, random);
            }
            MemoryDisk disk = restored(original, head);
            seal(disk, changed.getBytes(ISO_8859_1));
            understood += assertHarmless(disk, "seed %d round %d".formatted(SEED, round)) ? 1 : 0;
        }
        assertTrue(understood > 100, "only " + understood + " of the texts were understood");
    }

    private static String change(String text, Random random) {
        int at = random.nextInt(text.length() - 40);
        int length = random.nextInt(40);
        return switch (random.nextInt(6)) {
            case 0 -> text.substring(0, at) + (char) random.nextInt(256) + text.substring(at + 1);
            case 1 -> text.substring(0, at) + text.substring(at + length);
            case 2 -> text.substring(0, at + length) + text.substring(at);
            case 3 -> swapNumbers(text, random);
            case 4 -> text.substring(0, at) + "{}[]=\"#,\\\n0".charAt(random.nextInt(11)) + text.substring(at);
            default -> otherNumber(text, at, random);
        };
    }

    private static String otherNumber(String text, int from, Random random) {
        int at = from;
        while (at < text.length() && !Character.isDigit(text.charAt(at))) {
            at++;
        }
        int end = at;
        while (end < text.length() && Character.isDigit(text.charAt(end))) {
            end++;
        }
        long[] values = {0, 1, 2, 31, 32, 63, 64, 4096, 0xFFFF_FFFFL, 1L << 32, Long.MAX_VALUE, -1, Long.MIN_VALUE};
        return text.substring(0, at) + values[random.nextInt(values.length)] + text.substring(end);
    }

    /** What stands for one thing stands for another: lines change their places. */
    private static String swapNumbers(String text, Random random) {
        String[] lines = text.split("\n", -1);
        int one = random.nextInt(lines.length);
        int other = random.nextInt(lines.length);
        String kept = lines[one];
        lines[one] = lines[other];
        lines[other] = kept;
        return String.join("\n", lines);
    }

    private static void seal(MemoryDisk disk, byte[] text) {
        disk.putBytes(textAt(disk), text);
        disk.u64le(AREA + 48, text.length);
        disk.u32le(AREA + 56, LvmCrc.of(text));
        disk.u32le(AREA, LvmCrc.of(disk.bytes(), AREA + 4, SECTOR - 4));
    }

    @Test
    void changedHeadersWithFittingChecksumsAreHarmless() throws IOException {
        MemoryDisk original = group("-y");
        byte[] head = Arrays.copyOf(original.bytes(), HEAD);
        Random random = new Random(SEED);
        for (int round = 0; round < 6000; round++) {
            MemoryDisk disk = restored(original, head);
            int sector = random.nextBoolean() ? LABEL : AREA;
            int at = sector + random.nextInt(200);
            switch (random.nextInt(3)) {
                case 0 -> disk.put(at, random.nextInt(256));
                case 1 -> disk.u64le(at / 8 * 8, random.nextLong() >> random.nextInt(64));
                default -> disk.u64le(at / 8 * 8, Long.MAX_VALUE - random.nextInt(4096));
            }
            disk.u32le(LABEL + 16, LvmCrc.of(disk.bytes(), LABEL + 20, SECTOR - 20));
            disk.u32le(AREA, LvmCrc.of(disk.bytes(), AREA + 4, SECTOR - 4));
            assertHarmless(disk, "seed %d round %d".formatted(SEED, round));
        }
    }

    /** Whether anything is free. Nothing that is free is part of a volume, of the label or of the metadata, or outside of the disk. */
    private static boolean assertHarmless(MemoryDisk disk, String where) throws IOException {
        LvmLayout layout = read(disk);
        RangeSet free = layout.physicalVolumes().get(0).free();
        if (!free.isEmpty()) {
            assertTrue(free.get(0).startBytes() >= 4 * SECTOR, where);
            assertTrue(free.get(free.size() - 1).endBytes() <= disk.sizeBytes(), where);
            assertTrue(!free.overlaps(new ByteRange(textAt(disk), textLength(disk))), where);
        }
        RangeSet taken = RangeSet.empty();
        for (LvmLayout.LogicalVolume volume : layout.logicalVolumes()) {
            if (volume.leftAlone().isEmpty()) {
                SegmentedBlockSource source = new SegmentedBlockSource(List.of(disk), volume.segments());
                assertEquals(volume.lengthBytes(), source.sizeBytes(), where);
                RangeSet own = source.inParts(RangeSet.of(new ByteRange(0, source.sizeBytes())), 1000)
                        .get(0);
                assertEquals(source.sizeBytes(), own.totalBytes(), where);
                assertTrue(own.intersect(taken).isEmpty() && own.intersect(free).isEmpty(), where);
                source.read(source.sizeBytes() - 1, ByteBuffer.allocate(1));
                taken = taken.union(own);
            }
        }
        return !free.isEmpty();
    }

    @Test
    void noiseInThePlaceOfMetadataIsHarmless() throws IOException {
        MemoryDisk original = group("-y");
        byte[] head = Arrays.copyOf(original.bytes(), HEAD);
        Random random = new Random(SEED);
        for (int round = 0; round < 300; round++) {
            MemoryDisk disk = restored(original, head);
            byte[] text = new byte[random.nextInt(5000)];
            random.nextBytes(text);
            if (round % 2 == 0) {
                String letters = "abc{}[]=\"\\# \n\t,0123456789-.";
                for (int at = 0; at < text.length; at++) {
                    text[at] = (byte) letters.charAt((text[at] & 0xFF) % letters.length());
                }
            }
            seal(disk, text);
            assertTrue(read(disk).physicalVolumes().get(0).leftAlone().isPresent());
        }
    }

    @Test
    void aTextThatClaimsToBeHugeIsNotRead() throws IOException {
        MemoryDisk disk = group("-y");
        long huge = 1L << 45;
        disk.u64le(LABEL + 32 + 40 + 32 + 8, huge);
        disk.u32le(LABEL + 16, LvmCrc.of(disk.bytes(), LABEL + 20, SECTOR - 20));
        disk.u64le(AREA + 32, huge);
        disk.u64le(AREA + 48, huge - 1024);
        disk.u32le(AREA, LvmCrc.of(disk.bytes(), AREA + 4, SECTOR - 4));
        BlockSource large = new BlockSource() {
            @Override
            public long sizeBytes() {
                return 1L << 46;
            }

            @Override
            public void read(long offsetBytes, ByteBuffer destination) throws IOException {
                int present = (int) Math.max(0, Math.min(destination.remaining(), disk.sizeBytes() - offsetBytes));
                byte[] zeros = new byte[destination.remaining() - present];
                destination.put(Arrays.copyOfRange(disk.bytes(), (int) offsetBytes, (int) offsetBytes + present));
                destination.put(zeros);
            }
        };
        String reason =
                read(large).physicalVolumes().get(0).leftAlone().orElseThrow().reason();
        assertTrue(reason.contains("more than 4194304 are not supported"), reason);
    }
}
