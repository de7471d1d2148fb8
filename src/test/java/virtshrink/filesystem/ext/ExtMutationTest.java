package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.filesystem.FilesystemState;

/** Whatever is written over a filesystem's structures, the answer is a state, soon, and never the superblock's own place. */
class ExtMutationTest {
    private static final int ROUNDS = 4000;
    private static final long[] INTERESTING = {
        0,
        1,
        2,
        3,
        7,
        8,
        0x7F,
        0x80,
        0xFF,
        0x100,
        511,
        512,
        513,
        2559,
        2560,
        0x7FFF,
        0xFFFF,
        0x7FFFFFFF,
        0x80000000L,
        0xFFFFFFFFL
    };

    @ParameterizedTest
    @ValueSource(longs = {1, 20261122})
    void answersWithAStateWhateverTheBytes(long seed) {
        Random random = new Random(seed);
        CapturedImage[] originals = {CapturedImage.metadataCsum(), CapturedImage.gdtCsum()};
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                CapturedImage image = originals[round % 2].copy();
                int changes = 1 + random.nextInt(4);
                for (int i = 0; i < changes; i++) {
                    change(image, random);
                }
                // Mostly with right checksums: what lies behind them is to be tested, not they.
                if (random.nextInt(8) != 0) {
                    image.sealSuperblock();
                    for (int group = 0; group < CapturedImage.GROUPS; group++) {
                        image.sealDescriptor(group);
                    }
                }
                FilesystemState state;
                try {
                    state = image.read().state();
                } catch (RuntimeException failed) {
                    throw new AssertionError("seed " + seed + ", round " + round, failed);
                }
                if (state instanceof FilesystemState.FreeSpace space) {
                    assertFalse(space.free().overlaps(new ByteRange(0, 3 * 1024)), "seed " + seed + ", round " + round);
                }
            }
        });
    }

    private static void change(CapturedImage image, Random random) {
        int at = switch (random.nextInt(4)) {
            case 0 -> CapturedImage.SUPERBLOCK + random.nextInt(0x120);
            case 1 -> CapturedImage.SUPERBLOCK + random.nextInt(1020);
            case 2 -> CapturedImage.DESCRIPTORS + random.nextInt(CapturedImage.GROUPS * image.descriptorBytes());
            default -> random.nextInt(200 * 1024);
        };
        long value = random.nextBoolean() ? INTERESTING[random.nextInt(INTERESTING.length)] : random.nextLong();
        switch (random.nextInt(3)) {
            case 0 -> image.u8(at, (int) value);
            case 1 -> image.u16(at & ~1, (int) value);
            default -> image.u32(at & ~3, value);
        }
    }
}
