package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.inspect.DiskInspector;

/**
 * The disk of a guest that was saved in mid-life: a copy of what is on it while it is mounted and written to. It must never be called free
 * space, whatever the moment: what the guest has in its memory refers to blocks that the disk does not know to be in use.
 */
class TornStatesTest {
    private static final int MOMENTS = Integer.getInteger("virtshrink.torn.moments", 12);
    private static final long SEED = Long.getLong("virtshrink.torn.seed", 20261122);

    @TempDir
    Path directory;

    @BeforeAll
    static void tools() {
        ExternalTool.assumeRoot();
        ExternalTool.assume("sgdisk", "gdisk");
        ExternalTool.assume("setfattr", "attr");
        ExternalTool.assume("setfacl", "acl");
    }

    @ParameterizedTest
    @EnumSource(
            value = LifeKind.class,
            names = {
                "EXT4",
                "EXT4_SMALL_BLOCKS",
                "EXT4_BIGALLOC",
                "EXT4_NO_JOURNAL",
                "XFS",
                "XFS_SMALL_BLOCKS",
                "XFS_PLAIN"
            })
    void aDiskInUseIsNeverCalledFree(LifeKind kind) throws IOException {
        Path raw = kind.make(directory);
        Random random = new Random(SEED + kind.name().hashCode());
        for (int life = 0; life < 2; life++) {
            assertInstanceOf(FreeSpace.class, state(raw), kind + " shut down");
            Path untouched = directory.resolve("untouched.raw");
            ExternalTool.run("cp", "--sparse=always", raw.toString(), untouched.toString());
            try (MountedImage mounted = kind.mount(raw, directory, "rw")) {
                for (int moment = 0; moment < MOMENTS; moment++) {
                    String replay = "%s, life %d, moment %d, seed %d".formatted(kind, life, moment, SEED);
                    new LivingTree(mounted.path(), random, life * MOMENTS + moment).live(1 + random.nextInt(12));
                    switch (random.nextInt(3)) {
                        case 0 -> mounted.sync();
                        case 1 -> ExternalTool.run("sync", "-f", mounted.path().toString());
                        default -> {
                            // as it happens to be
                        }
                    }
                    // Reading through the device sees what the guest has written, however lazy the device is.
                    Path copy = copy(Path.of(mounted.device()), kind, raw);
                    if (state(copy) instanceof FreeSpace) {
                        assertTrue(isUnwritten(copy, untouched), replay);
                    }
                    Files.delete(copy);
                }
            }
        }
        assertInstanceOf(FreeSpace.class, state(raw), kind + " shut down again");
    }

    /**
     * NTFS has marks for this, which Windows and the kernel set and ntfs-3g does not: its reader cannot know. What it calls free must be free
     * on the disk as it stands all the same.
     */
    @ParameterizedTest
    @EnumSource(
            value = LifeKind.class,
            names = {"NTFS", "NTFS_SMALL_CLUSTERS"})
    void whatIsCalledFreeOnADiskThatNtfs3gIsWritingToIsFreeThere(LifeKind kind) throws IOException {
        Path raw = kind.make(directory);
        Random random = new Random(SEED + kind.name().hashCode());
        try (MountedImage mounted = kind.mount(raw, directory, "rw")) {
            for (int moment = 0; moment < MOMENTS / 2; moment++) {
                new LivingTree(mounted.path(), random, moment).live(1 + random.nextInt(12));
                Path copy = copy(Path.of(mounted.device()), kind, raw);
                Path other = Files.createDirectories(directory.resolve("other"));
                if (state(copy) instanceof FreeSpace space) {
                    TreeDigest before = kind.look(copy, other);
                    ZeroFreeSpace.scribble(copy, space.free().shift(kind.place().startBytes()), moment);
                    before.assertSame(kind.look(copy, other), "%s, moment %d, seed %d".formatted(kind, moment, SEED));
                }
                Files.delete(copy);
            }
        }
    }

    /** The partition as its user has written it so far, in a disk like the other. */
    private Path copy(Path device, LifeKind kind, Path raw) throws IOException {
        Path copy = directory.resolve("copy.raw");
        ExternalTool.run("cp", "--sparse=always", raw.toString(), copy.toString());
        ExternalTool.run(
                "dd",
                "if=" + device,
                "of=" + copy,
                "bs=1M",
                "seek=" + (kind.place().startBytes() >> 20),
                "conv=notrunc,sparse",
                "status=none");
        return copy;
    }

    private static FilesystemState state(Path raw) throws IOException {
        try (FileBlockSource disk = FileBlockSource.open(raw)) {
            return DiskInspector.standard()
                    .inspect(disk, "sda", 512)
                    .filesystems()
                    .get(0)
                    .state();
        }
    }

    /** What is byte for byte as it was before it was mounted cannot say that it is. */
    private static boolean isUnwritten(Path copy, Path untouched) throws IOException {
        return Files.mismatch(copy, untouched) < 0;
    }
}
