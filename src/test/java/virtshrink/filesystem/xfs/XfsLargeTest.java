package virtshrink.filesystem.xfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.CachedBlockSource;
import virtshrink.block.CountingSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;

/** The effort grows with what the filesystem has to say of itself, not with the disk. */
class XfsLargeTest {
    private static final long TIB = 1L << 40;
    private static final int PUNCHES = Boolean.getBoolean("virtshrink.proofs") ? 200_000 : 4000;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        Xfsprogs.assumeInstalled();
    }

    @Test
    void aTebibyteTakesAFewDozenRequests() throws IOException {
        Path image = Xfsprogs.make(directory.resolve("image"), TIB, "-m", "rmapbt=1");
        assertExactWithin(image, 60, 8);
    }

    @Test
    void aThousandGroupsTakeThreeRequestsEach() throws IOException {
        Path image = Xfsprogs.make(directory.resolve("image"), TIB, "-d", "agsize=1g");
        assertExactWithin(image, 3 * 1024 + 60, 3 * 64 + 8);
    }

    @Test
    void halfATebibyteInPiecesTakesWhatItsTreesTake() throws IOException {
        Path image = Xfsprogs.make(directory.resolve("image"), TIB, "-m", "rmapbt=1");
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw,nouuid")) {
            for (int file = 0; file < 4; file++) {
                StringBuilder punches = new StringBuilder("falloc 0 128g\n");
                for (int i = 0; i < PUNCHES / 4; i++) {
                    punches.append("fpunch %d %d\n".formatted(i * 500_000L, (1 + i % 9) * 4096));
                }
                Path path = mounted.path().resolve("file" + file);
                ExternalTool.Result result = ExternalTool.attempt(punches.toString(), "xfs_io", "-f", path.toString());
                assertEquals(0, result.exitCode(), result.output());
            }
        }
        FilesystemState.FreeSpace space = assertExactWithin(image, 100 + PUNCHES / 50, 16 + PUNCHES / 1000);
        assertTrue(space.free().size() > PUNCHES * 3 / 4, () -> space.free().toString());
    }

    private static FilesystemState.FreeSpace assertExactWithin(Path image, int mostRequests, long mostMib)
            throws IOException {
        try (FileBlockSource file = FileBlockSource.open(image)) {
            CountingSource counting = new CountingSource(file);
            FilesystemState state =
                    new XfsReader().read(new CachedBlockSource(counting)).state();
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
            Xfsprogs.Reference expected = Xfsprogs.reference(image);
            assertEquals(expected.free(), space.free());
            assertEquals(expected.freeBytes(), space.freeBytes());
            assertTrue(counting.requests() <= mostRequests, () -> counting.requests() + " requests");
            assertTrue(counting.bytes() >> 20 <= mostMib, () -> (counting.bytes() >> 20) + " MiB");
            return space;
        }
    }
}
