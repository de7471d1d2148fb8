package virtshrink.filesystem.closed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.signature.Signatures;

/** What freshly made filesystems say of themselves, and what they say when somebody has them open. */
class ClosedMarksTest {
    private static final long BYTES = 48L << 20;

    @TempDir
    private Path directory;

    private Path volume(String tool, String debianPackage, String... command) throws IOException {
        ExternalTool.assume(tool, debianPackage);
        Path volume = ExternalTool.sparse(directory.resolve("volume"), BYTES);
        List<String> whole = new ArrayList<>(List.of(command));
        whole.add(volume.toString());
        ExternalTool.runWithInput("y\n", whole.toArray(String[]::new));
        return volume;
    }

    private Path udf(String... options) throws IOException {
        List<String> command = new ArrayList<>(List.of("mkudffs", "--bootarea=erase"));
        command.addAll(List.of(options));
        return volume("mkudffs", "udftools", command.toArray(String[]::new));
    }

    private Path jfs() throws IOException {
        return volume("mkfs.jfs", "jfsutils", "mkfs.jfs", "-q");
    }

    private Path reiserfs() throws IOException {
        return volume("mkreiserfs", "reiserfsprogs", "mkreiserfs", "-q", "-ff");
    }

    private static ClosedMark mark(String type, Path volume) throws IOException {
        try (FileBlockSource source = FileBlockSource.open(volume)) {
            return ClosedMarks.of(type, source).orElseThrow();
        }
    }

    private interface Change {
        void to(ByteBuffer block);
    }

    private static void change(Path volume, long offset, int length, Change change) throws IOException {
        try (FileChannel channel = FileChannel.open(volume, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer block = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
            channel.read(block, offset);
            block.clear();
            change.to(block);
            block.clear();
            channel.write(block, offset);
        }
    }

    @ParameterizedTest
    @CsvSource({"512, 0x0102", "512, 0x0201", "1024, 0x0201", "2048, 0x0201"})
    void aUdfThatWasJustMadeIsClosed(int blockBytes, String revision) throws IOException {
        Path volume = udf("--media-type=hd", "--blocksize=" + blockBytes, "--udfrev=" + revision);
        assertInstanceOf(ClosedMark.Closed.class, mark("udf", volume));
        try (FileBlockSource source = FileBlockSource.open(volume)) {
            assertEquals("udf", Signatures.find(source).get(0).identity().type());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"dvdram", "dvdrw", "cdrw", "cdr"})
    void aUdfForOtherMediaIsClosedOrNotForUs(String media) throws IOException {
        assertTrue(!(mark("udf", udf("--media-type=" + media)) instanceof ClosedMark.Open), media);
    }

    @Test
    void aUdfWithSparingTablesIsNotForUs() throws IOException {
        assertInstanceOf(ClosedMark.Unusable.class, mark("udf", udf("--media-type=cdrw")));
    }

    /** Where the integrity descriptor is: its tag is 9. */
    private static long integrityDescriptor(Path volume) throws IOException {
        try (FileBlockSource source = FileBlockSource.open(volume)) {
            for (long block = 64; block < 4096; block++) {
                ByteBuffer tag = source.read(block * 512, 16).order(ByteOrder.LITTLE_ENDIAN);
                if (tag.getShort(0) == 9 && tag.getInt(12) == block) {
                    return block * 512;
                }
            }
        }
        throw new IOException("no integrity descriptor");
    }

    @Test
    void aUdfThatIsOpenSaysSo() throws IOException {
        Path volume = udf("--media-type=hd", "--blocksize=512");
        change(volume, integrityDescriptor(volume), 512, block -> {
            assertEquals(1, block.getInt(28));
            block.putInt(28, 0);
            seal(block);
        });
        assertEquals(new ClosedMark.Open("UDF was not closed"), mark("udf", volume));
    }

    /** CRC and checksum of a descriptor's tag, as ECMA-167 has them. */
    private static void seal(ByteBuffer block) {
        int crc = 0;
        for (int i = 16; i < 16 + block.getShort(10); i++) {
            crc ^= (block.get(i) & 0xff) << 8;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
            }
        }
        block.putShort(8, (short) crc);
        block.put(4, (byte) 0);
        int sum = 0;
        for (int i = 0; i < 16; i++) {
            sum += block.get(i);
        }
        block.put(4, (byte) sum);
    }

    @Test
    void aUdfDescriptorWithAWrongChecksumProvesNothing() throws IOException {
        Path volume = udf("--media-type=hd", "--blocksize=512");
        change(volume, integrityDescriptor(volume), 512, block -> block.putInt(40, block.getInt(40) + 1));
        assertInstanceOf(ClosedMark.Unusable.class, mark("udf", volume));
    }

    @Test
    void aJfsThatWasJustMadeIsClosed() throws IOException {
        assertInstanceOf(ClosedMark.Closed.class, mark("jfs", jfs()));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8, 0x1000})
    void aJfsInAnyOtherStateIsOpen(int state) throws IOException {
        Path volume = jfs();
        change(volume, 0x8000, 64, block -> block.putInt(40, state));
        assertInstanceOf(ClosedMark.Open.class, mark("jfs", volume));
    }

    @Test
    void aJfsWithALogElsewhereIsNotForUs() throws IOException {
        Path volume = jfs();
        change(volume, 0x8000, 64, block -> block.putInt(36, block.getInt(36) & ~0x800));
        assertInstanceOf(ClosedMark.Unusable.class, mark("jfs", volume));
    }

    @Test
    void aReiserfsThatWasJustMadeIsClosed() throws IOException {
        assertInstanceOf(ClosedMark.Closed.class, mark("reiserfs", reiserfs()));
    }

    @Test
    void aReiserfsThatIsMountedOrHasErrorsIsOpen() throws IOException {
        Path volume = reiserfs();
        change(volume, 0x10000, 128, block -> block.putShort(50, (short) 2));
        assertInstanceOf(ClosedMark.Open.class, mark("reiserfs", volume));
        change(volume, 0x10000, 128, block -> block.putShort(50, (short) 1).putShort(62, (short) 1));
        assertInstanceOf(ClosedMark.Open.class, mark("reiserfs", volume));
    }

    @Test
    void ofOtherTypesNothingIsKnown() throws IOException {
        try (FileBlockSource source = FileBlockSource.open(jfs())) {
            assertEquals(Optional.empty(), ClosedMarks.of("hfsplus", source));
        }
    }

    /** Whatever is there is an answer, and no exception. */
    @Test
    void noContentIsTooStrange() throws IOException {
        Random random = new Random(20_240_229);
        Path volume = udf("--media-type=hd", "--blocksize=512");
        for (int round = 0; round < 300; round++) {
            change(
                    volume,
                    random.nextInt(2000) * 512L,
                    512,
                    block -> block.putInt(random.nextInt(128) * 4, random.nextBoolean() ? -1 : random.nextInt()));
            for (String type : List.of("udf", "jfs", "reiserfs")) {
                mark(type, volume);
            }
        }
    }
}
