package virtshrink.fuzz;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import virtshrink.block.ByteRange;
import virtshrink.filesystem.FilesystemState;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/**
 * What a fuzzer calls: its input is read as changes to a small real disk, which is then inspected. The system property
 * {@code virtshrink.fuzz.image} names the {@link FuzzImage}.
 */
public final class InspectionFuzz {
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
        4095,
        4096,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x10000,
        0x7FFFFFFF,
        0x80000000L,
        0xFFFFFFFFL,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -512,
        1L << 40,
        1L << 52
    };
    private static final int MOST_CHANGES = 64;

    private static InspectionFuzz target;

    private final FuzzImage image;
    private final SparseDisk original;
    private final List<Long> sectors;

    InspectionFuzz(FuzzImage image) throws IOException {
        this.image = image;
        this.original = image.make();
        this.sectors = original.usedSectors();
    }

    /** Called by the fuzzer once, out of its time limit: making a disk may take a while. */
    public static void fuzzerInitialize() throws IOException {
        target = new InspectionFuzz(FuzzImage.named(System.getProperty("virtshrink.fuzz.image", "EXT4"))
                .orElseThrow());
    }

    /** The fuzzer's entry. */
    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        target.run(input);
    }

    /** Inspects the disk with these changes; fails by whatever is thrown. */
    DiskInspection run(byte[] input) throws IOException {
        DiskInspection inspection = image.inspector().inspect(changed(input), "sda", 512);
        for (FilesystemFinding finding : inspection.filesystems()) {
            // Whatever the rest may say: no format begins with free bytes.
            if (finding.state() instanceof FilesystemState.FreeSpace
                    && finding.freeOnDisk()
                            .overlaps(new ByteRange(finding.place().startBytes(), SparseDisk.SECTOR))) {
                throw new AssertionError("the start of " + finding.device() + " is called free");
            }
        }
        return inspection;
    }

    private SparseDisk changed(byte[] bytes) {
        SparseDisk disk = original.copy();
        ByteBuffer input = ByteBuffer.wrap(bytes);
        boolean sealed = next(input) % 8 != 0;
        Set<Long> touched = new TreeSet<>();
        for (int i = 0; i < MOST_CHANGES && input.remaining() >= 4; i++) {
            int kind = next(input);
            long sector = sectors.get(nextShort(input) % sectors.size());
            long at = sector + (nextShort(input) % SparseDisk.SECTOR);
            touched.add(sector);
            switch (kind % 6) {
                case 0 -> disk.write(at, take(input, 1 + kind / 6 % 8));
                case 1, 2 -> disk.write(at, integer(INTERESTING[next(input) % INTERESTING.length], kind));
                case 3 -> disk.write(at, flipped(disk, at, next(input)));
                case 4 ->
                    disk.write(
                            sector,
                            disk.bytes(sectors.get(nextShort(input) % sectors.size()), SparseDisk.SECTOR)
                                    .array());
                default -> disk.write(sector, integer(nearby(disk, at, next(input)), 8 * 6));
            }
        }
        if (sealed) {
            image.seal().apply(disk, touched);
        }
        return disk;
    }

    private static int next(ByteBuffer input) {
        return input.hasRemaining() ? Byte.toUnsignedInt(input.get()) : 0;
    }

    private static int nextShort(ByteBuffer input) {
        return next(input) << 8 | next(input);
    }

    private static byte[] take(ByteBuffer input, int length) {
        byte[] bytes = new byte[Math.min(length, input.remaining())];
        input.get(bytes);
        return bytes;
    }

    private static byte[] flipped(SparseDisk disk, long at, int bit) {
        return new byte[] {(byte) (disk.bytes(at, 1).get() ^ 1 << bit % 8)};
    }

    /** A number that is there already, a little larger or smaller. */
    private static long nearby(SparseDisk disk, long at, int difference) {
        return disk.bytes(at, 8).getLong() + difference - 128;
    }

    /** In 1, 2, 4 or 8 bytes, in either order. */
    private static byte[] integer(long value, int kind) {
        int length = 1 << kind / 6 % 4;
        boolean big = kind / 24 % 2 == 1;
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[big ? length - 1 - i : i] = (byte) (value >>> (8 * i));
        }
        return bytes;
    }
}
