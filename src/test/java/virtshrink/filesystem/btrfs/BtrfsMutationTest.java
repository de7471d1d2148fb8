package virtshrink.filesystem.btrfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;

/**
 * Whatever is written over a filesystem's structures, sealed with right checksums, the answer is a state, soon. As long as extent tree and free
 * space tree have to agree, none of it makes more free than was.
 */
class BtrfsMutationTest {
    private static final int ROUNDS = 3000;
    private static final long[] INTERESTING = {
        0,
        1,
        2,
        7,
        8,
        0x80,
        0xFF,
        132,
        168,
        169,
        192,
        198,
        199,
        200,
        204,
        216,
        228,
        248,
        4095,
        4096,
        0x7FFF,
        0xFFFF,
        0x10000,
        1 << 20,
        0x7FFFFFFF,
        0x80000000L,
        0xFFFFFFFFL,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -4096
    };

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 20261122})
    void answersWithAStateWhateverTheBytes(long seed) throws IOException {
        CapturedBtrfs original =
                CapturedBtrfs.load(BtrfsProgs.make(directory.resolve("image"), 16 << 20, "--mixed --csum xxhash"));
        FilesystemState clean = original.state();
        RangeSet free = assertInstanceOf(FilesystemState.FreeSpace.class, clean).free();
        List<Integer> nodes = original.nodes();
        Random random = new Random(seed);
        byte[] pristine = original.disk.bytes().clone();
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                int changes = 1 + random.nextInt(3);
                int[] places = new int[changes];
                for (int i = 0; i < changes; i++) {
                    places[i] =
                            random.nextInt(8) == 0 ? CapturedBtrfs.SUPERBLOCK : nodes.get(random.nextInt(nodes.size()));
                    change(original, places[i], random);
                }
                FilesystemState state;
                try {
                    state = original.state();
                } catch (RuntimeException failed) {
                    throw new AssertionError("seed " + seed + ", round " + round, failed);
                }
                if (state instanceof FilesystemState.FreeSpace space) {
                    assertEquals(RangeSet.empty(), space.free().subtract(free), "seed " + seed + ", round " + round);
                }
                for (int place : places) {
                    System.arraycopy(pristine, place, original.disk.bytes(), place, original.nodeBytes);
                }
            }
        });
        assertEquals(clean, original.state());
    }

    private static void change(CapturedBtrfs image, int place, Random random) {
        int field = switch (random.nextInt(4)) {
            // Header or the superblock's numbers, list of items, their content at the end, anything.
            case 0 -> 32 + random.nextInt(170);
            case 1 -> 101 + random.nextInt(500);
            case 2 -> image.nodeBytes - 8 - random.nextInt(900);
            default -> 32 + random.nextInt(image.nodeBytes - 40);
        };
        long value = random.nextBoolean() ? INTERESTING[random.nextInt(INTERESTING.length)] : random.nextLong();
        long before = image.disk.u64le(place + field);
        switch (random.nextInt(5)) {
            case 0 -> image.disk.put(place + field, (int) value);
            case 1 -> image.disk.u16le(place + field, (int) value);
            case 2 -> image.disk.u32le(place + field, value);
            case 3 -> image.disk.u64le(place + field, value);
            default -> image.disk.u64le(place + field, before + (random.nextBoolean() ? 4096 : -4096));
        }
        if (place == CapturedBtrfs.SUPERBLOCK) {
            image.sealSuperblock(place);
        } else if (random.nextInt(16) != 0) {
            image.sealNode(place);
        }
    }
}
