package virtshrink.volume.lvm;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;
import virtshrink.block.MemoryDisk;

/**
 * A physical volume of any size, nothing but zeros behind its metadata: label in the second sector, one metadata area from 4 KiB, extents from
 * the area's end on. Counts the requests that it gets.
 */
final class HandMadeMember implements BlockSource {
    static final int AREA = 4096;
    private static final int SECTOR = 512;

    private final MemoryDisk head;
    private final long sizeBytes;
    private int requests;

    /**
     * @param uuid without hyphens, 32 characters
     * @param areaBytes size of the metadata area
     */
    HandMadeMember(String uuid, long sizeBytes, int areaBytes, String text) {
        this.sizeBytes = sizeBytes;
        this.head = new MemoryDisk(AREA + areaBytes);
        byte[] bytes = text.getBytes(ISO_8859_1);
        head.put(SECTOR, "LABELONE").u64le(SECTOR + 8, 1).u32le(SECTOR + 20, 32).put(SECTOR + 24, "LVM2 001");
        head.put(SECTOR + 32, uuid).u64le(SECTOR + 64, sizeBytes).u64le(SECTOR + 72, AREA + (long) areaBytes);
        head.u64le(SECTOR + 104, AREA)
                .u64le(SECTOR + 112, areaBytes)
                .u32le(SECTOR + 136, 2)
                .u32le(SECTOR + 140, 1);
        head.u32le(SECTOR + 16, LvmCrc.of(head.bytes(), SECTOR + 20, SECTOR - 20));
        head.put(AREA + 4, " LVM2 x[5A%r0N*>")
                .u32le(AREA + 20, 1)
                .u64le(AREA + 24, AREA)
                .u64le(AREA + 32, areaBytes);
        head.u64le(AREA + 40, SECTOR).u64le(AREA + 48, bytes.length).u32le(AREA + 56, LvmCrc.of(bytes));
        head.u32le(AREA, LvmCrc.of(head.bytes(), AREA + 4, SECTOR - 4));
        head.putBytes(AREA + SECTOR, bytes);
    }

    int requests() {
        return requests;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > sizeBytes - destination.remaining()) {
            throw new EOFException(destination.remaining() + " bytes at " + offsetBytes);
        }
        requests++;
        int present = (int) Math.max(0, Math.min(destination.remaining(), head.sizeBytes() - offsetBytes));
        if (present > 0) {
            destination.put(head.bytes(), (int) offsetBytes, present);
        }
        destination.put(new byte[destination.remaining()]);
    }
}
