package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.CachedBlockSource;
import virtshrink.block.CountingSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;

/** Time, requests and memory grow with bitmap and file records. */
class NtfsLargeTest {
    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        Ntfs3g.assumeInstalled();
    }

    @ParameterizedTest
    @CsvSource({"1, 4096, 200", "2, 65536, 150", "15, 65536, 200"})
    void tebibytesTakeFewRequests(int tebibytes, int clusterBytes, int mostRequests) throws IOException {
        Assumptions.assumeTrue(
                Files.getFileStore(directory).getUsableSpace() > 1L << 30,
                "less than 1 GiB of room for a sparse image");
        Path image = Ntfs3g.make(directory.resolve("image"), (long) tebibytes << 40, "-f -c " + clusterBytes);
        long freeBytes = Ntfs3g.freeBytes(image);
        long begun = System.nanoTime();
        try (FileBlockSource file = FileBlockSource.open(image)) {
            CountingSource counted = new CountingSource(file);
            FilesystemState.FreeSpace space = free(counted);
            long millis = (System.nanoTime() - begun) / 1_000_000;
            System.out.printf(
                    "%d TiB in clusters of %d: %d ms, %d requests, %d bytes%n",
                    tebibytes, clusterBytes, millis, counted.requests(), counted.bytes());
            assertEquals(freeBytes, space.freeBytes());
            assertEquals(freeBytes, space.free().totalBytes());
            assertTrue(counted.requests() <= mostRequests, counted.requests() + " requests");
            assertTrue(millis < 5000, millis + " ms");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1_000_000})
    void aMillionFilesAreHeldAgainstTheBitmap(int files) throws IOException {
        Path image = Ntfs3g.make(directory.resolve("image"), ManyFilesVolume.SIZE_BYTES, "-f -c 4096");
        try (FileBlockSource file = FileBlockSource.open(image)) {
            ManyFilesVolume volume = new ManyFilesVolume(file, files);
            CountingSource counted = new CountingSource(volume);
            long begun = System.nanoTime();
            FilesystemState.FreeSpace space = free(counted);
            long millis = (System.nanoTime() - begun) / 1_000_000;
            System.out.printf(
                    "%d files: %d ms, %d requests, %d bytes, %s%n",
                    files, millis, counted.requests(), counted.bytes(), space.free());
            assertTrue(space.free().size() > files / 4, space.free().toString());
            assertTrue(counted.requests() < 1200, counted.requests() + " requests");
            assertTrue(millis < 20_000, millis + " ms");

            volume.expose(files - 1);
            FilesystemState state = new NtfsReader().read(volume).state();
            assertInstanceOf(FilesystemState.Corrupt.class, state);
            assertTrue(state.reasonText().contains("of which $Bitmap calls some free"), state::reasonText);
        }
    }

    private static FilesystemState.FreeSpace free(CountingSource source) throws IOException {
        FilesystemState state =
                new NtfsReader().read(new CachedBlockSource(source)).state();
        return assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
    }
}
