package virtshrink.filesystem.btrfs;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/**
 * A filesystem that is lived in, overwritten where it is called free, and lived in again. {@code -Dvirtshrink.proofs=true} makes 200 rounds
 * of five.
 */
class BtrfsRandomLifeTest {
    private static final int ROUNDS = Boolean.getBoolean("virtshrink.proofs") ? 200 : 10;
    private static final int ROUNDS_A_FILESYSTEM = 5;
    private static final long SIZE_BYTES = 144 << 20;
    private static final String[] MAKE = {
        "", "--mixed --csum xxhash", "-n 4096 --csum sha256", "-R ^free-space-tree", "-m single --csum blake2 -n 65536"
    };

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    @Test
    void keepsEveryFileOfEverySnapshotThroughManyLives() throws IOException {
        Path image = directory.resolve("image");
        Path mountPoint = directory.resolve("mounted");
        for (int round = 0; round < ROUNDS; round++) {
            String name = "round " + round;
            if (round % ROUNDS_A_FILESYSTEM == 0) {
                BtrfsProgs.make(image, SIZE_BYTES, MAKE[round / ROUNDS_A_FILESYSTEM % MAKE.length]);
            }
            TreeDigest before;
            try (MountedImage mounted = MountedImage.mount(image, mountPoint, "rw")) {
                new BtrfsLife(mounted.path(), round, 1 << 20).live(40);
                before = TreeDigest.of(mounted.path());
            }
            FilesystemState.FreeSpace space = BtrfsProgs.assertExact(image);
            BtrfsProgs.zero(image, space.free());
            if (round % 3 == 0) {
                ZeroFreeSpace.scribble(image, space.free(), round);
            }
            BtrfsProgs.assertClean(image);
            try (MountedImage mounted = MountedImage.mount(image, mountPoint, "ro")) {
                before.assertSame(TreeDigest.of(mounted.path()), name);
            }
        }
    }

    @Test
    void copiesOfAMountedFilesystemAreDirtyAfterAnFsyncAndNeverSurprise() throws IOException {
        Path image = BtrfsProgs.make(directory.resolve("image"), 128 << 20, "");
        Path copy = directory.resolve("copy");
        boolean everDirty = false;
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw")) {
            BtrfsLife life = new BtrfsLife(mounted.path(), 5, 1 << 20);
            for (int i = 0; i < 10; i++) {
                life.live(10);
                Path file = mounted.path().resolve("home/synced");
                try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                    channel.write(ByteBuffer.wrap(new byte[8192]), i * 4096L);
                    channel.force(true);
                }
                Files.copy(image, copy, StandardCopyOption.REPLACE_EXISTING);
                FilesystemState state = BtrfsProgs.read(copy).state();
                everDirty |= state instanceof FilesystemState.Dirty;
                assertFalse(state instanceof FilesystemState.Unsupported, state.toString());
            }
        }
        assertTrue(everDirty);
    }
}
