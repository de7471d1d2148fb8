package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.image.ImageJudge.Policy;

@Timeout(60)
class ParentNamesTest {
    @TempDir
    private Path temporary;

    private Path directory;
    private Path child;

    @BeforeEach
    void resolveLinks() throws IOException {
        directory = temporary.toRealPath();
        child = directory.resolve("child");
    }

    private static List<String> of(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return ParentNames.of(channel);
        }
    }

    private List<String> ofBytes(byte[] content) throws IOException {
        return of(Files.write(child, content));
    }

    private List<String> ofText(String content) throws IOException {
        return ofBytes(content.getBytes(StandardCharsets.UTF_8));
    }

    private void create(String... options) throws Exception {
        Tools.requireQemuImg();
        String[] command = new String[options.length + 3];
        System.arraycopy(new String[] {"qemu-img", "create", "-q"}, 0, command, 0, 3);
        System.arraycopy(options, 0, command, 3, options.length);
        Tools.run(directory, command);
    }

    private void assertRefusedBecauseOfChild(Path image, ImageFormat format) {
        ImageJudge judge = new ImageJudge(Tools.QEMU_IMG);
        String said = assertThrows(ImageRefusedException.class, () -> judge.judge(image, format, Policy.REPLACE))
                .getMessage();
        assertEquals(image + " is the backing file of " + child, said);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qed", "qcow"})
    void oldFormatsThatStandOnAnImageKeepItFromBeingReplaced(String format) throws Exception {
        Path image = Tools.qcow2(directory, "base.qcow2", "1M");
        create("-f", format, "-b", "base.qcow2", "-F", "qcow2", "child");
        assertEquals(List.of("base.qcow2"), of(child));
        assertRefusedBecauseOfChild(image, ImageFormat.QCOW2);
    }

    @Test
    void soDoesAVmdkThatNamesItAsItsParent() throws Exception {
        create("-f", "vmdk", "base.vmdk", "1M");
        create("-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "child");
        assertEquals(List.of("base.vmdk"), of(child));
        assertRefusedBecauseOfChild(directory.resolve("base.vmdk"), ImageFormat.RAW);
    }

    @Test
    void soDoesAVmdkWhoseDescriptorIsAFileOfItsOwn() throws Exception {
        Path image = Tools.qcow2(directory, "base.qcow2", "1M");
        Files.writeString(child, "# Disk DescriptorFile\nversion=1\nparentFileNameHint = \"./base.qcow2\"\n");
        assertEquals(List.of("./base.qcow2"), of(child));
        assertRefusedBecauseOfChild(image, ImageFormat.QCOW2);
    }

    @Test
    void escapesInAJsonNameHideNoImage() throws Exception {
        Path image = Tools.qcow2(directory, "base.qcow2", "1M");
        create("-f", "qcow2", "child", "1M");
        Tools.run(
                directory,
                "qemu-img",
                "rebase",
                "-u",
                "-F",
                "qcow2",
                "-b",
                "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"\\u0062ase.qcow2\"}}",
                "child");
        assertRefusedBecauseOfChild(image, ImageFormat.QCOW2);
    }

    @Test
    void everyDescriptorOfASparseVmdkIsLookedAt() throws Exception {
        byte[] vmdk = new byte[100 * 512];
        put(vmdk, 0, "KDMV");
        ByteBuffer.wrap(vmdk).order(ByteOrder.LITTLE_ENDIAN).putLong(28, 60);
        put(vmdk, 512, "parentFileNameHint=\"near\"");
        put(vmdk, 60 * 512 + 100, "parentFileNameHint=\"far\" parentFileNameHint=\"farther\"");
        assertEquals(List.of("near", "far", "farther"), ofBytes(vmdk));
    }

    private static void put(byte[] bytes, int at, String text) {
        byte[] put = text.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(put, 0, bytes, at, put.length);
    }

    @Test
    void whatBeginsOtherwiseStandsOnNothing() throws Exception {
        assertEquals(List.of(), ofText(""));
        assertEquals(List.of(), ofText("KDM"));
        assertEquals(List.of(), ofText("QED"));
        assertEquals(List.of(), ofText("a letter about parentFileNameHint=\"base\""));
        assertEquals(List.of(), ofText("# only a comment\n"));
    }

    private static byte[] qed(long offset, long length) {
        byte[] header = new byte[128];
        put(header, 0, "QED\0");
        put(header, 64, "base\0rest");
        ByteBuffer.wrap(header)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(56, (int) offset)
                .putInt(60, (int) length);
        return header;
    }

    @Test
    void theNameInAQedHeaderIsReadAsFarAsItGoesAndIsThere() throws Exception {
        assertEquals(List.of("base"), ofBytes(qed(64, 4)));
        assertEquals(List.of("base"), ofBytes(qed(64, 9)));
        assertEquals(List.of("base"), ofBytes(qed(64, 4095)));
        assertEquals(List.of(), ofBytes(qed(64, 4096)));
        assertEquals(List.of(), ofBytes(qed(64, 0)));
        assertEquals(List.of(), ofBytes(qed(64, 0xffff_ffffL)));
        assertEquals(List.of(""), ofBytes(qed(0xffff_ffffL, 100)));
        assertEquals(List.of(""), ofBytes(qed(128, 100)));
    }

    @Test
    void aDescriptorThatIsNowhereIsNotLookedFor() throws Exception {
        for (long sector : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 55, 1, 0}) {
            byte[] vmdk = new byte[1024];
            put(vmdk, 0, "KDMV");
            ByteBuffer.wrap(vmdk).order(ByteOrder.LITTLE_ENDIAN).putLong(28, sector);
            assertEquals(List.of(), ofBytes(vmdk));
        }
    }

    @Test
    void randomHeadersDoNoHarm() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 300; round++) {
            byte[] bytes = new byte[random.nextInt(2048)];
            random.nextBytes(bytes);
            String magic = List.of("QED\0", "QFI\u00fb", "KDMV", "COWD", "# ").get(random.nextInt(5));
            if (bytes.length > 4) {
                put(bytes, 0, magic);
            }
            assertTrue(ofBytes(bytes).size() < 100, "seed " + seed);
        }
    }
}
