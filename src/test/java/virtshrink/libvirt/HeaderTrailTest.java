package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeaderTrailTest {
    @TempDir
    private Path directory;

    @BeforeEach
    void needsQemuImg() throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/qemu-img")), "needs qemu-img (package qemu-utils)");
        directory = directory.toRealPath();
    }

    private Path overlay(String name, String backingName) throws IOException {
        Path image = directory.resolve(name);
        List<String> command =
                new ArrayList<>(List.of("qemu-img", "create", "-q", "-f", "qcow2", image.toString(), "1M"));
        if (!backingName.isEmpty()) {
            command.addAll(List.of("-u", "-b", backingName, "-F", "raw"));
        }
        PrivateLibvirtd.run(command);
        return image;
    }

    @Test
    void followsHeadersWhereverTheyLead() throws Exception {
        overlay("c.qcow2", "gone.raw");
        overlay("b.qcow2", directory.resolve("c.qcow2").toString());
        Path top = overlay("a.qcow2", "b.qcow2");
        assertEquals(
                Set.of(directory.resolve("b.qcow2"), directory.resolve("c.qcow2"), directory.resolve("gone.raw")),
                HeaderTrail.below(top));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "file:b.qcow2",
                "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"b.qcow2\"}}",
                "json:{\"file.filename\": \"b.qcow2\", \"driver\":\"qcow2\"}"
            })
    void understandsOtherSpellings(String backingName) throws Exception {
        assertEquals(Set.of(directory.resolve("b.qcow2")), HeaderTrail.below(overlay("a.qcow2", backingName)));
    }

    @Test
    void endsOnACircle() throws Exception {
        overlay("b.qcow2", "a.qcow2");
        Path top = overlay("a.qcow2", "b.qcow2");
        assertEquals(Set.of(directory.resolve("a.qcow2"), directory.resolve("b.qcow2")), HeaderTrail.below(top));
    }

    @Test
    void followsARelativeNameFromALinkAndFromItsTarget() throws Exception {
        Path top = overlay("a.qcow2", "b.qcow2");
        Path link = Files.createSymbolicLink(
                Files.createDirectory(directory.resolve("links")).resolve("l.qcow2"), top);
        assertEquals(Set.of(directory.resolve("b.qcow2"), directory.resolve("links/b.qcow2")), HeaderTrail.below(link));
    }

    @Test
    void standsOnNothingWhenTheHeaderIsNone() throws Exception {
        assertTrue(HeaderTrail.below(Files.write(directory.resolve("short"), new byte[19]))
                .isEmpty());
        assertTrue(HeaderTrail.below(Files.write(directory.resolve("zero"), new byte[4096]))
                .isEmpty());
        assertTrue(HeaderTrail.below(directory).isEmpty());
        assertTrue(HeaderTrail.below(directory.resolve("missing")).isEmpty());
    }

    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, -1, Long.MAX_VALUE, Long.MAX_VALUE - 8, 1L << 40})
    void survivesNamesThatLieOutsideTheFile(long backingFileOffset) throws Exception {
        Path image = overlay("a.qcow2", "b.qcow2");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(8);
            file.writeLong(backingFileOffset);
        }
        assertTrue(HeaderTrail.below(image).stream().allMatch(path -> path.startsWith(directory)));
    }
}
