package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;

/** Whatever is written over a volume's structures, the answer is a state, soon, and never a place where the untouched structures are. */
class NtfsMutationTest {
    private static final int ROUNDS = 4000;
    private static final int RECORDS = 27;
    private static final long[] INTERESTING = {
        0,
        1,
        2,
        7,
        8,
        0x7F,
        0x80,
        0xFF,
        0x1FF,
        0x200,
        0x7FFF,
        0xFFFF,
        0x7FFFFFFF,
        0x80000000L,
        0xFFFFFFFFL,
        0x7FFFFFFFFFFFFFFFL,
        0x8000000000000000L,
        -1
    };

    @TempDir
    static Path directory;

    private static NtfsImage plain;
    private static NtfsImage split;

    @BeforeAll
    static void makeVolume() throws IOException {
        Ntfs3g.assumeInstalled();
        Path made = Ntfs3g.make(directory.resolve("image"), 2 << 20, "-f -c 512");
        ExternalTool.run("ntfscp", "-f", made.toString(), "/usr/bin/env", "hiberfil.sy");
        plain = NtfsImage.load(made);
        split = NtfsImage.load(Ntfs3g.make(directory.resolve("split"), 8 << 20, "-f -c 512"));
        split.splitData(MasterFileTable.BITMAP, new int[] {18, 19}, split.freeCluster(2000));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 20261122})
    void answersWithAStateWhateverTheBytes(long seed) {
        Random random = new Random(seed);
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                NtfsImage image = (round % 4 == 0 ? split : plain).copy();
                String circumstances = "seed " + seed + ", round " + round;
                for (int changes = random.nextInt(4); changes >= 0; changes--) {
                    edit(image, random);
                }
                if (random.nextInt(4) == 0) {
                    put(image, random.nextInt(0x54), 1 << random.nextInt(4), value(random));
                    put(image, random.nextInt(image.disk().bytes().length - 8), 1 << random.nextInt(4), value(random));
                }
                FilesystemState state;
                try {
                    state = image.state();
                } catch (RuntimeException failed) {
                    throw new AssertionError(circumstances, failed);
                }
                if (state instanceof FilesystemState.FreeSpace space) {
                    assertFalse(space.free().overlaps(new ByteRange(0, 8192)), circumstances);
                    assertFalse(
                            space.free()
                                    .overlaps(new ByteRange(image.recordAt(0), (long) RECORDS * image.recordBytes())),
                            circumstances);
                }
            }
        });
    }

    /** With the update sequence renewed and the mirror too: what lies behind them is to be tested, not they. */
    private static void edit(NtfsImage image, Random random) {
        int number = random.nextInt(4) == 0 ? random.nextInt(RECORDS) : random.nextInt(10);
        long value = value(random);
        int size = 1 << random.nextInt(4);
        int at = 8 + random.nextInt(0x1E0);
        image.edit(number, record -> {
            for (int i = 0; i < size; i++) {
                record.put(at + i, (byte) (value >>> (i * 8)));
            }
        });
    }

    private static long value(Random random) {
        return random.nextBoolean() ? INTERESTING[random.nextInt(INTERESTING.length)] : random.nextLong();
    }

    private static void put(NtfsImage image, int at, int size, long value) {
        for (int i = 0; i < size; i++) {
            image.disk().put(at + i, (int) (value >>> (i * 8)));
        }
    }
}
