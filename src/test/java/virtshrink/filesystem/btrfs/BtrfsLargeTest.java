package virtshrink.filesystem.btrfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.CachedBlockSource;
import virtshrink.block.CountingSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;

/** A terabyte, nearly empty, half full and in small pieces: time, requests and memory grow with what is known of it, not with the disk. */
class BtrfsLargeTest {
    private static final long GIB = 1 << 30;
    private static final long TIB = 1L << 40;
    private static final boolean PROOFS = Boolean.getBoolean("virtshrink.proofs");

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    @Test
    void aTerabyteNearlyEmptyAndHalfFullIsReadInAFewRequests() throws IOException {
        Path image = BtrfsProgs.make(directory.resolve("image"), TIB, "");
        assertTrue(read("1 TiB, empty", image) < 20);
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw")) {
            for (int i = 0; i < 8; i++) {
                ExternalTool.run(
                        "fallocate",
                        "-l",
                        Long.toString(64 * GIB),
                        mounted.path().resolve("file" + i).toString());
            }
        }
        assertTrue(read("1 TiB, half full", image) < 100);
        BtrfsProgs.assertExact(image);
    }

    @Test
    void manySmallExtentsAreReadManyAtATime() throws IOException {
        int files = PROOFS ? 200_000 : 4_000;
        Path image = BtrfsProgs.make(directory.resolve("image"), TIB, "");
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw")) {
            List<Path> made = new ArrayList<>();
            for (int i = 0; i < files; i++) {
                Path file = mounted.path().resolve("file" + i);
                Files.write(file, new byte[4096 + i % 5 * 4096]);
                made.add(file);
            }
            ExternalTool.run("sync", "-f", mounted.path().toString());
            for (int i = 0; i < files; i += 2) {
                Files.delete(made.get(i));
            }
        }
        long requests = read(files / 2 + " small files", image);
        assertTrue(requests < 30 + files / 400, requests + " requests");
        BtrfsProgs.assertExact(image);
    }

    private static long read(String what, Path image) throws IOException {
        try (FileBlockSource file = FileBlockSource.open(image)) {
            CountingSource counted = new CountingSource(file);
            long begun = System.nanoTime();
            FilesystemState state =
                    new BtrfsReader().read(new CachedBlockSource(counted)).state();
            long millis = (System.nanoTime() - begun) / 1_000_000;
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
            System.out.println("btrfs, %s: %d ms, %d requests, %d KiB, %d free ranges"
                    .formatted(
                            what,
                            millis,
                            counted.requests(),
                            counted.bytes() >> 10,
                            space.free().size()));
            assertEquals(0, space.free().get(0).startBytes() % 4096);
            return counted.requests();
        }
    }
}
