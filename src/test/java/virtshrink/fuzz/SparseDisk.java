package virtshrink.fuzz;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import virtshrink.block.BlockSource;

/** A disk of which only the pages are kept that are not zero; a copy shares them until it changes them. Not thread-safe. */
final class SparseDisk implements BlockSource {
    static final int SECTOR = 512;

    private static final int PAGE = 4096;

    private final long sizeBytes;
    private final Map<Long, byte[]> base;
    private final Map<Long, byte[]> changed = new HashMap<>();

    private SparseDisk(long sizeBytes, Map<Long, byte[]> base) {
        this.sizeBytes = sizeBytes;
        this.base = base;
    }

    static SparseDisk load(Path image) throws IOException {
        Map<Long, byte[]> pages = new HashMap<>();
        try (FileChannel file = FileChannel.open(image)) {
            ByteBuffer piece = ByteBuffer.allocate(1 << 20);
            for (long at = 0; at < file.size(); at += piece.capacity()) {
                piece.clear();
                while (piece.hasRemaining() && file.read(piece, at + piece.position()) > 0) {
                    // until the piece is whole
                }
                piece.flip();
                for (int page = 0; page < piece.limit(); page += PAGE) {
                    byte[] bytes = new byte[PAGE];
                    piece.get(page, bytes, 0, Math.min(PAGE, piece.limit() - page));
                    if (!isZero(bytes, 0, PAGE)) {
                        pages.put((at + page) / PAGE, bytes);
                    }
                }
            }
            return new SparseDisk(file.size(), pages);
        }
    }

    SparseDisk copy() {
        SparseDisk copy = new SparseDisk(sizeBytes, base);
        changed.forEach((page, bytes) -> copy.changed.put(page, bytes.clone()));
        return copy;
    }

    /** Offsets of all sectors that hold anything, in ascending order. */
    List<Long> usedSectors() {
        List<Long> used = new ArrayList<>();
        for (long page : new TreeSet<>(base.keySet())) {
            for (int sector = 0; sector < PAGE; sector += SECTOR) {
                if (!isZero(base.get(page), sector, SECTOR)) {
                    used.add(page * PAGE + sector);
                }
            }
        }
        return used;
    }

    private static boolean isZero(byte[] bytes, int from, int length) {
        for (int i = from; i < from + length; i++) {
            if (bytes[i] != 0) {
                return false;
            }
        }
        return true;
    }

    /** Bytes beyond the end are not written. */
    void write(long offset, byte... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            long at = offset + i;
            if (at >= 0 && at < sizeBytes) {
                page(at / PAGE)[(int) (at % PAGE)] = bytes[i];
            }
        }
    }

    private byte[] page(long number) {
        return changed.computeIfAbsent(number, any -> {
            byte[] original = base.get(number);
            return original == null ? new byte[PAGE] : original.clone();
        });
    }

    /** Little-endian; what lies beyond the end is zero. */
    ByteBuffer bytes(long offset, int length) {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        fill(offset, buffer);
        return buffer.flip();
    }

    private void fill(long offset, ByteBuffer destination) {
        long at = offset;
        while (destination.hasRemaining()) {
            byte[] page = changed.get(at / PAGE);
            if (page == null) {
                page = base.get(at / PAGE);
            }
            int from = (int) (at % PAGE);
            int length = Math.min(destination.remaining(), PAGE - from);
            if (page == null) {
                destination.put(new byte[length]);
            } else {
                destination.put(page, from, length);
            }
            at += length;
        }
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > sizeBytes - destination.remaining()) {
            throw new EOFException(destination.remaining() + " bytes at " + offsetBytes + " of " + sizeBytes);
        }
        fill(offsetBytes, destination);
    }
}
