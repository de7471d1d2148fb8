package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** Whatever is written over a volume's structures, the answer is a state, soon, and never the boot sector's own place. */
class FatMutationTest {
    private static final int ROUNDS = 3000;
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
        0xFF6,
        0xFF7,
        0xFFF,
        0x7FFF,
        0xFFF7,
        0xFFFF,
        0x0FFFFFF7,
        0x7FFFFFFF,
        0x80000000L,
        0xFFFFFFF7L,
        0xFFFFFFF8L,
        0xFFFFFFFFL
    };

    private static final List<MemoryDisk> FAT = new ArrayList<>();
    private static final List<MemoryDisk> EXFAT = new ArrayList<>();

    @TempDir
    static Path directory;

    @BeforeAll
    static void makeVolumes() throws IOException {
        Dosfstools.assumeInstalled();
        Exfatprogs.assumeInstalled();
        FAT.add(Dosfstools.disk(directory, 1440 << 10, "", Content.USED));
        FAT.add(Dosfstools.disk(directory, 4 << 20, "-F 16 -s 1", Content.USED));
        FAT.add(Dosfstools.disk(directory, 1 << 20, "-F 32 -s 1", Content.EMPTY));
        EXFAT.add(Exfatprogs.disk(directory, 3 << 20, "-c 512 -b 4K", Content.USED));
    }

    @AfterAll
    static void forget() {
        FAT.clear();
        EXFAT.clear();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 20261122})
    void fatAnswersWithAStateWhateverTheBytes(long seed) {
        mutate(seed, new FatReader(), FAT, 20 << 10);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 20261122})
    void exfatAnswersWithAStateWhateverTheBytes(long seed) {
        mutate(seed, new ExfatReader(), EXFAT, 128 << 10);
    }

    private static void mutate(long seed, FreeSpaceReader reader, List<MemoryDisk> originals, int reach) {
        Random random = new Random(seed);
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                MemoryDisk disk = originals.get(round % originals.size()).copy();
                int changes = 1 + random.nextInt(4);
                for (int i = 0; i < changes; i++) {
                    change(disk, random, reach);
                }
                if (reader instanceof ExfatReader && random.nextInt(8) != 0) {
                    ExfatSeal.bootRegions(disk);
                }
                FilesystemState state;
                try {
                    state = reader.read(disk).state();
                } catch (RuntimeException failed) {
                    throw new AssertionError("seed " + seed + ", round " + round, failed);
                }
                if (state instanceof FilesystemState.FreeSpace space) {
                    assertFalse(space.free().overlaps(new ByteRange(0, 512)), "seed " + seed + ", round " + round);
                    assertFalse(
                            space.free().overlaps(new ByteRange(disk.sizeBytes(), 1 << 30)),
                            "seed " + seed + ", round " + round);
                }
            }
        });
    }

    private static void change(MemoryDisk disk, Random random, int reach) {
        int at = switch (random.nextInt(3)) {
            case 0 -> random.nextInt(128);
            case 1 -> random.nextInt(8 << 10);
            default -> random.nextInt(reach);
        };
        long value = random.nextBoolean() ? INTERESTING[random.nextInt(INTERESTING.length)] : random.nextLong();
        switch (random.nextInt(3)) {
            case 0 -> disk.put(at, (int) value);
            case 1 -> disk.u16le(at & ~1, (int) value);
            default -> disk.u32le(at & ~3, value);
        }
    }
}
