package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class BackingChainTest {
    @TempDir
    private Path temporary;

    private Path directory;

    @BeforeAll
    static void needsTools() {
        Tools.requireQemuImg();
    }

    @BeforeEach
    void resolveLinks() throws IOException {
        directory = temporary.toRealPath();
    }

    private static List<ChainElement> walk(Path image) throws IOException, ImageRefusedException {
        return BackingChain.walk(image, ImageFormat.QCOW2);
    }

    private static String refusal(Path image) {
        return assertThrows(ImageRefusedException.class, () -> walk(image)).getMessage();
    }

    private static ChainElement qcow2(Path file) {
        return new ChainElement(file, ImageFormat.QCOW2);
    }

    /** An overlay whose backing name and format are written without a look at them. */
    private Path unsafe(String name, String backing, String format) throws Exception {
        Path image = Tools.qcow2(directory, name, "1M");
        Tools.run(directory, "qemu-img", "rebase", "-u", "-f", "qcow2", "-b", backing, "-F", format, name);
        return image;
    }

    @Test
    void aSingleImageIsItsOwnChain() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        assertEquals(List.of(qcow2(image)), walk(image));
    }

    @Test
    void aChainOfThreeByRelativeAndAbsoluteNames() throws Exception {
        Path sub = Files.createDirectory(directory.resolve("sub"));
        Path raw = Files.write(directory.resolve("base.raw"), new byte[1 << 20]);
        Path middle = Tools.qcow2(sub, "middle.qcow2", "1M", "-b", "../base.raw", "-F", "raw");
        Path relative = Tools.overlay(directory, "relative.qcow2", "sub/middle.qcow2");
        Path absolute = Tools.overlay(sub, "absolute.qcow2", middle.toString());
        ChainElement base = new ChainElement(raw, ImageFormat.RAW);
        assertEquals(List.of(qcow2(relative), qcow2(middle), base), walk(relative));
        assertEquals(List.of(qcow2(absolute), qcow2(middle), base), walk(absolute));
    }

    @Test
    void aLinkAsBackingFileIsResolvedButItsNeighboursAreThoseOfTheLink() throws Exception {
        Path here = Files.createDirectory(directory.resolve("here"));
        Path there = Files.createDirectory(directory.resolve("there"));
        Path base = Tools.qcow2(here, "base.qcow2", "1M");
        Tools.qcow2(there, "base.qcow2", "1M");
        Path middle = Tools.overlay(there, "middle.qcow2", "base.qcow2");
        Files.createSymbolicLink(here.resolve("link.qcow2"), middle);
        Path top = Tools.overlay(here, "top.qcow2", "link.qcow2");
        assertEquals(List.of(qcow2(top), qcow2(middle), qcow2(base)), walk(top));
        String info = Tools.run(here, "qemu-img", "info", "--backing-chain", "-f", "qcow2", top.toString());
        assertTrue(info.contains("image: " + base), info); // qemu's own opinion
    }

    @Test
    void aLinkThatWouldChangeTheBackingFileIsRefused() throws Exception {
        Path there = Files.createDirectory(directory.resolve("there"));
        Tools.qcow2(there, "base.qcow2", "1M");
        Path top = Tools.overlay(there, "top.qcow2", "base.qcow2");
        Path link = Files.createSymbolicLink(directory.resolve("link.qcow2"), top);
        assertEquals(2, walk(link).size());
        Tools.qcow2(directory, "base.qcow2", "1M");
        assertTrue(refusal(link).contains("is another one when it is opened through this link"), refusal(link));
        assertEquals(2, walk(top).size());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "json:{\"driver\":\"qcow2\",\"file.filename\":\"base.qcow2\"}",
                "nbd:localhost:10809",
                "nbd+unix:///?socket=/x",
                "file:base.qcow2",
                "ssh://host/base.qcow2",
                "a:b.qcow2",
                ":",
            })
    void aNameWithAProtocolIsRefused(String name) throws Exception {
        Tools.qcow2(directory, "base.qcow2", "1M");
        String why = refusal(unsafe("a.qcow2", name, "qcow2"));
        assertTrue(why.contains("is not a plain file name: " + name), why);
    }

    @Test
    void aColonBehindASlashIsNoProtocol() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Path odd = Files.move(base, directory.resolve("a:b.qcow2"));
        assertEquals(
                List.of(qcow2(directory.resolve("x.qcow2")), qcow2(odd)),
                walk(unsafe("x.qcow2", "./a:b.qcow2", "qcow2")));
    }

    @Test
    void aMissingFormatIsRefusedWithTheRemedyThatWorks() throws Exception {
        Tools.qcow2(directory, "it's base.qcow2", "1M");
        Path top = Tools.qcow2(directory, "top.qcow2", "1M");
        Tools.run(
                directory,
                "qemu-img",
                "rebase",
                "-u",
                "-f",
                "qcow2",
                "-b",
                "it's base.qcow2",
                "-F",
                "qcow2",
                "top.qcow2");
        eraseBackingFormat(top);
        String why = refusal(top);
        String remedy = why.substring(why.indexOf("qemu-img rebase"));
        Tools.run(Path.of("/"), "sh", "-c", remedy);
        assertEquals(2, walk(top).size());
    }

    private static void eraseBackingFormat(Path image) throws IOException {
        byte[] header = Files.readAllBytes(image);
        for (int at = 104; at < 1024; at += 8) {
            if ((header[at] & 0xff) == 0xe2 && (header[at + 1] & 0xff) == 0x79) {
                Tools.patch(image, at, 0x68, 0x03, 0xf8, 0x58); // an unknown extension
                return;
            }
        }
        throw new AssertionError("no backing format extension in " + image);
    }

    @Test
    void anUnknownFormatIsRefused() throws Exception {
        Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = unsafe("top.qcow2", "base.qcow2", "host_device");
        assertTrue(refusal(top).contains("has the unknown format host_device"), refusal(top));
    }

    @Test
    void aMissingFileIsRefused() throws Exception {
        Path top = unsafe("top.qcow2", "gone.qcow2", "qcow2");
        assertTrue(
                refusal(top).contains("the backing file " + directory + "/gone.qcow2 of " + top + " does not exist"));
    }

    @Test
    void whatIsNoRegularFileIsRefused() throws Exception {
        assertTrue(refusal(unsafe("a.qcow2", ".", "raw")).contains("is not a regular file"));
        assertTrue(refusal(unsafe("b.qcow2", "/dev/zero", "raw")).contains("is not a regular file"));
    }

    @Test
    void aCircleIsRefused() throws Exception {
        Path a = unsafe("a.qcow2", "b.qcow2", "qcow2");
        unsafe("b.qcow2", "c.qcow2", "qcow2");
        unsafe("c.qcow2", "a.qcow2", "qcow2");
        assertTrue(refusal(a).contains("comes back to " + a), refusal(a));
        Path self = unsafe("self.qcow2", "self.qcow2", "qcow2");
        assertTrue(refusal(self).contains("comes back to " + self), refusal(self));
    }

    @Test
    void aChainBeyondTheBoundIsRefused() throws Exception {
        byte[] image = Files.readAllBytes(unsafe("first.qcow2", "nn.qcow2", "qcow2"));
        int at = new String(image, StandardCharsets.ISO_8859_1).indexOf("nn.qcow2");
        for (int i = 10; i < 80; i++) {
            byte[] next = Integer.toString(i + 1).getBytes(StandardCharsets.ISO_8859_1);
            System.arraycopy(next, 0, image, at, 2);
            Files.write(directory.resolve(i + ".qcow2"), image);
        }
        String why = refusal(directory.resolve("10.qcow2"));
        assertTrue(why.contains("is longer than 64 files"), why);
    }

    @Test
    void anElementThatMustNotBeOpenedIsRefused() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        Tools.patch(base, 79, 2); // corrupt bit
        assertTrue(refusal(top).contains(base + " is marked as corrupt"), refusal(top));
    }

    @Test
    void aRawImageHasNoBackingFileWhateverItHolds() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        assertEquals(List.of(new ChainElement(top, ImageFormat.RAW)), BackingChain.walk(top, ImageFormat.RAW));
        Path onRaw = unsafe("on-raw.qcow2", "top.qcow2", "raw");
        assertEquals(List.of(qcow2(onRaw), new ChainElement(top, ImageFormat.RAW)), walk(onRaw));
        assertTrue(Files.exists(base));
    }

    @Test
    void aNameFullOfControlsDoesNotReachTheTerminal() throws Exception {
        Path top = unsafe("top.qcow2", "a\u001b[2J\nb", "qcow2");
        assertTrue(refusal(top).contains("/a?[2J?b of "), refusal(top));
    }
}
