package virtshrink.volume;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import virtshrink.block.MemoryDisk;

/** Random damage: no exception, no hang, and never a volume outside of the disk or over another. */
class PartitionTableFuzzTest {
    private static final int ROUNDS = 1500;

    @Test
    void survivesRandomChangesToAGpt() {
        fuzz((random, seed) -> {
            MemoryDisk disk = GptDisks.usual();
            for (int change = random.nextInt(4); change >= 0; change--) {
                int[] places = {440, GptDisks.PRIMARY, GptDisks.PRIMARY_ENTRIES, GptDisks.BACKUP};
                change(disk, random, places[random.nextInt(places.length)], 96);
            }
            return GptDisks.repaired(disk);
        });
    }

    @Test
    void survivesRandomPartitionRecords() {
        fuzz((random, seed) -> {
            MemoryDisk disk = new MemoryDisk(64 << 10).u16le(510, 0xAA55);
            for (int sector = 0; sector < 128; sector++) {
                disk.u16le(sector * 512 + 510, 0xAA55);
                for (int index = random.nextInt(4); index >= 0; index--) {
                    int at = sector * 512 + 446 + 16 * random.nextInt(4);
                    int[] types = {0x83, 0x05, 0x0F, 0x05};
                    disk.put(at, 0, 0, 0, 0, types[random.nextInt(types.length)]);
                    disk.u32le(at + 8, random.nextInt(140)).u32le(at + 12, random.nextInt(140));
                }
            }
            return disk;
        });
    }

    @Test
    void survivesRandomFirstSectors() {
        fuzz((random, seed) -> {
            MemoryDisk disk = new MemoryDisk(16 << 10);
            random.nextBytes(disk.bytes());
            return disk.u16le(510, 0xAA55);
        });
    }

    private interface Maker {
        MemoryDisk make(Random random, long seed);
    }

    private static void fuzz(Maker maker) {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        assertTimeout(Duration.ofSeconds(30), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                MemoryDisk disk = maker.make(random, seed);
                String where = "seed " + seed + ", round " + round;
                for (int sectorBytes : new int[] {512, 4096}) {
                    assertSound(disk, sectorBytes, where);
                }
            }
        });
    }

    private static void assertSound(MemoryDisk disk, int sectorBytes, String where) throws IOException {
        if (PartitionTables.read(disk, sectorBytes) instanceof VolumeLayout.Table table) {
            for (Volume volume : table.volumes()) {
                assertTrue(volume.place().endBytes() <= disk.sizeBytes(), where);
                assertTrue(volume.place().startBytes() >= sectorBytes, where);
                assertFalse(
                        table.volumes().stream()
                                .anyMatch(other -> other.number() != volume.number()
                                        && other.place().overlaps(volume.place())),
                        where);
            }
        }
    }

    private static void change(MemoryDisk disk, Random random, int start, int length) {
        int at = start + random.nextInt(length);
        switch (random.nextInt(3)) {
            case 0 -> disk.put(at, random.nextInt(256));
            case 1 -> disk.u32le(at / 4 * 4, random.nextBoolean() ? -1 : random.nextInt(4096));
            default -> disk.bytes()[at] ^= (byte) (1 << random.nextInt(8));
        }
    }
}
