package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/**
 * Volumes copied while ntfs-3g has them mounted. It marks nothing, neither the volume as dirty nor its log as in use, so a copy of a moment
 * at which everything was written is a clean volume. What the reader promises of such a copy: it says that it does not mark its use, and
 * what it calls free belongs to no file of the copy. Windows marks: see {@link NtfsStatesTest}.
 */
class NtfsTornTest {
    private static final int PAGE = 4096;

    @TempDir
    Path directory;

    private Path image;

    @BeforeEach
    void makeVolume() throws IOException {
        Ntfs3g.assumeInstalled();
        image = Ntfs3g.make(directory.resolve("image"), 24 << 20, "-f");
    }

    @Test
    void aCopyOfAMountedVolumeDoesNotMarkItsUseAndLosesNothing() throws IOException {
        Random random = new Random(7);
        for (int round = 0; round < 4; round++) {
            Path copy = directory.resolve("copy");
            try (MountedImage mount = MountedImage.ntfs(image, directory.resolve("mount"), "rw");
                    RandomAccessFile open = new RandomAccessFile(
                            mount.path().resolve("open " + round).toFile(), "rw")) {
                for (int i = 0; i < 20; i++) {
                    Files.write(mount.path().resolve("file " + i), noise(random, 1 + random.nextInt(90_000)));
                    open.write(noise(random, 20_000));
                    Files.deleteIfExists(mount.path().resolve("file " + random.nextInt(20)));
                }
                if (round % 2 == 0) {
                    mount.sync();
                }
                Files.copy(image, copy, StandardCopyOption.REPLACE_EXISTING);
            }
            if (state(copy) instanceof FilesystemState.FreeSpace space) {
                assertFalse(space.marksUse());
                TreeDigest before = digest(copy);
                ZeroFreeSpace.scribble(copy, space.free(), 1);
                Ntfs3g.assertClean(copy);
                before.assertSame(digest(copy), "round " + round);
            }
        }
    }

    /** A disk on which some of what a guest wrote has arrived and some not. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void neverCallsFreeWhatAFileOfATornVolumeOwns(long seed) throws IOException {
        Random random = new Random(seed);
        NtfsImage before = live(random, "first");
        NtfsImage after = live(random, "second");
        int refused = 0;
        for (int round = 0; round < 60; round++) {
            NtfsImage torn = before.copy();
            int share = 1 + random.nextInt(9);
            for (int at = 0; at < torn.disk().bytes().length; at += PAGE) {
                if (random.nextInt(10) < share) {
                    System.arraycopy(after.disk().bytes(), at, torn.disk().bytes(), at, PAGE);
                }
            }
            if (torn.state() instanceof FilesystemState.FreeSpace space) {
                // Independent of the reader: what each tool makes of it is the same when the free space is gone.
                Path stored = torn.store(directory.resolve("torn"));
                String verdict = Ntfs3g.check(stored);
                ZeroFreeSpace.scribble(stored, space.free(), seed);
                assertEquals(verdict, Ntfs3g.check(stored), "seed " + seed + ", round " + round);
            } else {
                refused++;
            }
        }
        assertTrue(refused > 50, refused + " of 60 noticed");
    }

    private NtfsImage live(Random random, String name) throws IOException {
        try (MountedImage mount = MountedImage.ntfs(image, directory.resolve("mount"), "rw")) {
            Path own = Files.createDirectories(mount.path().resolve(name));
            for (int i = 0; i < 40; i++) {
                Files.write(own.resolve("file " + i), noise(random, 1 + random.nextInt(60_000)));
                Files.deleteIfExists(mount.path().resolve("first/file " + random.nextInt(40)));
            }
        }
        return NtfsImage.load(image);
    }

    private TreeDigest digest(Path copy) throws IOException {
        try (MountedImage mount = MountedImage.ntfs(copy, directory.resolve("mount"), "ro")) {
            return TreeDigest.of(mount.path());
        }
    }

    private static byte[] noise(Random random, int lengthBytes) {
        byte[] noise = new byte[lengthBytes];
        random.nextBytes(noise);
        return noise;
    }

    private static FilesystemState state(Path copy) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(copy)) {
            return new NtfsReader().read(volume).state();
        }
    }
}
