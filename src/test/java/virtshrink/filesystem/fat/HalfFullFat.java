package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import virtshrink.block.FileBlockSource;

/** Makes a large empty volume half full and full of holes in no time: only its tables say so. For timing; its checkers would find lost files. */
public final class HalfFullFat {
    private static final int SECTOR = 512;

    private HalfFullFat() {}

    /** FAT32: every other cluster is used, by chains without a file, in both tables. */
    public static void fat32(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image);
                FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            ByteBuffer boot = volume.read(0, SECTOR).order(ByteOrder.LITTLE_ENDIAN);
            long reserved = boot.getChar(0x0E);
            long fat = Integer.toUnsignedLong(boot.getInt(0x24));
            long sectors = Integer.toUnsignedLong(boot.getInt(0x20));
            long clusters = (sectors - reserved - 2 * fat) / Byte.toUnsignedInt(boot.get(0x0D));
            long first = reserved * SECTOR;
            long second = first + fat * SECTOR;
            ByteBuffer piece = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
            long used = 0;
            for (long cluster = 0; cluster < clusters + 2; cluster += piece.capacity() / Integer.BYTES) {
                piece.clear();
                if (cluster == 0) {
                    volume.read(first, piece.limit(3 * Integer.BYTES));
                }
                piece.limit((int) Math.min(piece.capacity(), (clusters + 2 - cluster) * Integer.BYTES));
                for (long next = cluster + piece.position() / Integer.BYTES; piece.hasRemaining(); next++) {
                    boolean taken = next % 2 == 0 && used < half(clusters);
                    used += taken ? 1 : 0;
                    piece.putInt(taken ? used < half(clusters) ? (int) next + 2 : 0x0FFFFFFF : 0);
                }
                channel.write(piece.flip(), first + cluster * Integer.BYTES);
                channel.write(piece.rewind(), second + cluster * Integer.BYTES);
            }
        }
    }

    /** How many of so many clusters {@link #fat32} takes. */
    static long half(long clusters) {
        return clusters / 2 - 1;
    }

    /** exFAT: every other cluster behind the first few is marked as used. */
    public static void exfat(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image);
                FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            ByteBuffer boot = volume.read(0, SECTOR).order(ByteOrder.LITTLE_ENDIAN);
            long heap = boot.getInt(88) * (long) SECTOR;
            int bitmapBytes = boot.getInt(92) / 8;
            int behind = 4096;
            byte[] pattern = new byte[bitmapBytes - behind];
            Arrays.fill(pattern, (byte) 0x55);
            channel.write(ByteBuffer.wrap(pattern), heap + behind);
        }
    }
}
