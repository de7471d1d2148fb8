package virtshrink.filesystem.f2fs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.CountingSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;

class F2fsLargeTest {
    @TempDir
    Path directory;

    @Test
    void aTebibyteIsReadByItsTableOfSegments() throws IOException {
        F2fsTools.assumeInstalled();
        Assumptions.assumeTrue(
                Files.getFileStore(directory).getUsableSpace() > 2L << 30,
                "less than 2 GiB of room for a sparse image");
        Path image = F2fsTools.make(directory.resolve("image"), 1L << 40, "");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            CountingSource counted = new CountingSource(volume);
            long begun = System.nanoTime();
            FilesystemState state = new F2fsReader().read(counted).state();
            long millis = (System.nanoTime() - begun) / 1_000_000;
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
            System.out.println("F2FS, 1 TiB, empty: %d ms, %d requests, %d bytes"
                    .formatted(millis, counted.requests(), counted.bytes()));
            assertEquals(F2fsTools.freeBytes(image), space.freeBytes());
            assertTrue(counted.requests() < 100, () -> counted.requests() + " requests");
        }
    }
}
