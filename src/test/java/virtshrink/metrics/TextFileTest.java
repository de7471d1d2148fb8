package virtshrink.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {
    @TempDir
    Path directory;

    private Path file() {
        return directory.resolve("virt-shrink.prom");
    }

    private List<String> entries() throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).toList();
        }
    }

    @Test
    void everybodyMayReadItAndNothingElseIsLeft() throws IOException {
        TextFile text = new TextFile(file());
        text.write("a 1\n".getBytes(StandardCharsets.UTF_8));
        text.write("a 2\n".getBytes(StandardCharsets.UTF_8));
        assertEquals("a 2\n", Files.readString(file()));
        assertEquals(0644, (int) Files.getAttribute(file(), "unix:mode") & 0777);
        assertEquals(List.of("virt-shrink.prom"), entries());
    }

    @Test
    void aReaderNeverSeesHalfOfIt() throws Exception {
        TextFile text = new TextFile(file());
        byte[][] versions = {
            "a".repeat(100_000).getBytes(StandardCharsets.UTF_8),
            "b".repeat(50_000).getBytes(StandardCharsets.UTF_8)
        };
        text.write(versions[0]);
        AtomicBoolean over = new AtomicBoolean();
        Thread writer = new Thread(() -> {
            try {
                for (int i = 0; i < 100; i++) {
                    text.write(versions[i % 2]);
                }
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            } finally {
                over.set(true);
            }
        });
        writer.start();
        while (!over.get()) {
            byte[] seen = Files.readAllBytes(file());
            assertTrue(seen.length == 100_000 || seen.length == 50_000, () -> seen.length + " bytes");
        }
        writer.join();
    }

    @Test
    void whatAKilledDaemonLeftIsNoObstacleAndALinkIsNotFollowed() throws IOException {
        Path precious = Files.writeString(directory.resolve("precious"), "precious");
        Files.createSymbolicLink(directory.resolve(".virt-shrink.prom.new"), precious);
        new TextFile(file()).write("a 1\n".getBytes(StandardCharsets.UTF_8));
        assertEquals("a 1\n", Files.readString(file()));
        assertEquals("precious", Files.readString(precious));
    }

    @Test
    void saysThatItsDirectoryIsMissing() {
        TextFile text = new TextFile(directory.resolve("absent/virt-shrink.prom"));
        assertThrows(NoSuchFileException.class, () -> text.write(new byte[0]));
    }
}
