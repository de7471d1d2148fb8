package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import virtshrink.block.BlockSource;
import virtshrink.block.MemoryDisk;

/**
 * A volume fresh from mkfs.ntfs into which very many file records were put, each owning one cluster; every fourth cluster among them is free.
 * They stand in no directory, which nobody asks who looks for free space. Most of {@code $MFT} is made up when it is read.
 */
final class ManyFilesVolume implements BlockSource {
    static final long SIZE_BYTES = 16L << 30;

    private static final int HEAD_BYTES = 8 << 20;
    private static final int CLUSTER = 4096;
    private static final int RECORD = 1024;
    /** What mkfs.ntfs makes; the rest of its last cluster holds none. */
    private static final int MADE_RECORDS = 27;
    /** Places in the volume, as cluster numbers. */
    private static final int MAP_AT = 100_000;

    private static final int TABLE_AT = 200_000;
    private static final int FILES_AT = 530_000;

    private final BlockSource made;
    private final NtfsImage head;
    private final byte[] bitmap;
    private final long bitmapAt;
    private final byte[] template;
    private final int firstFile;
    private final int files;

    /** @param made a volume of {@link #SIZE_BYTES} bytes in clusters of 4096 */
    ManyFilesVolume(BlockSource made, int files) throws IOException {
        this.made = made;
        this.files = files;
        MemoryDisk start = new MemoryDisk(HEAD_BYTES);
        made.read(0, ByteBuffer.wrap(start.bytes()));
        this.head = NtfsImage.of(start);
        int[] table = head.run(MasterFileTable.MFT, NtfsImage.DATA);
        int[] oldMap = head.run(MasterFileTable.MFT, AttributeRecord.BITMAP);
        this.firstFile = table[1] * CLUSTER / RECORD;
        int tableClusters = (files * RECORD + CLUSTER - 1) / CLUSTER;
        int records = firstFile + tableClusters * (CLUSTER / RECORD);
        int mapClusters = records / 8 / CLUSTER + 1;
        this.template = template();
        int[] bitmapRun = head.run(MasterFileTable.BITMAP, NtfsImage.DATA);
        this.bitmapAt = bitmapRun[0];
        this.bitmap = made.read(bitmapAt * CLUSTER, bitmapRun[1] * CLUSTER).array();
        mark(oldMap[0], oldMap[1], false);
        mark(MAP_AT, mapClusters, true);
        mark(TABLE_AT, tableClusters, true);
        for (int file = 0; file < files; file++) {
            mark(clusterOf(file), 1, true);
        }
        head.edit(MasterFileTable.MFT, record -> {
            byte[] data = attribute(
                    record, NtfsImage.DATA, records * (long) RECORD, table[0], table[1], TABLE_AT, tableClusters);
            byte[] map =
                    attribute(record, AttributeRecord.BITMAP, mapClusters * (long) CLUSTER, MAP_AT, mapClusters, 0, 0);
            int at = NtfsImage.attributeAt(record, NtfsImage.DATA);
            record.put(at, data).put(at + data.length, map).putInt(at + data.length + map.length, -1);
            record.putInt(0x18, at + data.length + map.length + 8);
        });
    }

    /** The bitmap denies one file its cluster from now on. */
    void expose(int file) {
        mark(clusterOf(file), 1, false);
    }

    private static int clusterOf(int file) {
        return FILES_AT + file + file / 3;
    }

    private void mark(int first, int count, boolean used) {
        for (int cluster = first; cluster < first + count; cluster++) {
            int bit = 1 << cluster % 8;
            bitmap[cluster / 8] = (byte) (used ? bitmap[cluster / 8] | bit : bitmap[cluster / 8] & ~bit);
        }
    }

    private static byte[] attribute(
            ByteBuffer record, int type, long bytes, int lcn, int length, int nextLcn, int nextLength) {
        int old = NtfsImage.attributeAt(record, type);
        ByteBuffer attribute =
                NtfsImage.little(Arrays.copyOf(Arrays.copyOfRange(NtfsImage.bytesOf(record), old, old + 0x40), 0x58));
        long clusters = (long) length + nextLength;
        attribute.putInt(4, 0x58).putLong(0x18, clusters - 1).putChar(0x20, (char) 0x40);
        attribute.putLong(0x28, clusters * CLUSTER).putLong(0x30, bytes).putLong(0x38, bytes);
        attribute.put(0x40, (byte) 0x44).putInt(0x41, length).putInt(0x45, lcn);
        if (nextLength > 0) {
            attribute.put(0x49, (byte) 0x44).putInt(0x4A, nextLength).putInt(0x4E, nextLcn - lcn);
        }
        return NtfsImage.bytesOf(attribute);
    }

    /** A record with an unnamed stream of one cluster. */
    private static byte[] template() {
        ByteBuffer record = NtfsImage.little(new byte[RECORD]);
        record.put(0, new byte[] {'F', 'I', 'L', 'E'})
                .putChar(0x04, (char) 0x30)
                .putChar(0x06, (char) 3);
        record.putChar(0x10, (char) 1).putChar(0x14, (char) 0x38).putChar(0x16, (char) 1);
        record.putInt(0x18, 0x38 + 0x48 + 8).putInt(0x1C, RECORD);
        int data = 0x38;
        record.putInt(data, NtfsImage.DATA).putInt(data + 4, 0x48).put(data + 8, (byte) 1);
        record.putChar(data + 0x20, (char) 0x40).putLong(data + 0x28, CLUSTER);
        record.putLong(data + 0x30, CLUSTER).putLong(data + 0x38, CLUSTER);
        record.put(data + 0x40, (byte) 0x41).put(data + 0x41, (byte) 1);
        record.putInt(data + 0x48, -1);
        NtfsImage.protect(record);
        return NtfsImage.bytesOf(record);
    }

    @Override
    public long sizeBytes() {
        return made.sizeBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        long at = offsetBytes;
        while (destination.hasRemaining()) {
            int inCluster = (int) (at % CLUSTER);
            ByteBuffer piece = ByteBuffer.wrap(cluster(at / CLUSTER));
            piece.position(inCluster).limit(Math.min(CLUSTER, inCluster + destination.remaining()));
            at += piece.remaining();
            destination.put(piece);
        }
    }

    private byte[] cluster(long number) throws IOException {
        if (number < HEAD_BYTES / CLUSTER) {
            return Arrays.copyOfRange(head.disk().bytes(), (int) number * CLUSTER, (int) (number + 1) * CLUSTER);
        } else if (number == head.mirrorAt(0) / (long) CLUSTER) {
            return Arrays.copyOfRange(head.disk().bytes(), head.recordAt(0), head.recordAt(4));
        } else if (number >= bitmapAt && number < bitmapAt + bitmap.length / CLUSTER) {
            int from = (int) (number - bitmapAt) * CLUSTER;
            return Arrays.copyOfRange(bitmap, from, from + CLUSTER);
        } else if (number >= TABLE_AT && number < TABLE_AT + (files + 3) / 4) {
            return records((int) (number - TABLE_AT) * (CLUSTER / RECORD));
        } else if (number >= MAP_AT && number < TABLE_AT) {
            byte[] set = new byte[CLUSTER];
            Arrays.fill(set, (byte) -1);
            for (int unused = MADE_RECORDS; number == MAP_AT && unused < firstFile; unused++) {
                set[unused / 8] &= (byte) ~(1 << unused % 8);
            }
            return set;
        }
        byte[] content = new byte[CLUSTER];
        made.read(number * CLUSTER, ByteBuffer.wrap(content, 0, (int)
                Math.min(CLUSTER, made.sizeBytes() - number * CLUSTER)));
        return content;
    }

    private byte[] records(int first) {
        ByteBuffer cluster = NtfsImage.little(new byte[CLUSTER]);
        for (int i = 0; i < CLUSTER / RECORD; i++) {
            int file = first + i;
            cluster.put(i * RECORD, template);
            cluster.putInt(i * RECORD + 0x2C, firstFile + file);
            if (file < files) {
                cluster.putInt(i * RECORD + 0x38 + 0x42, clusterOf(file));
            } else {
                cluster.put(i * RECORD + 0x16, (byte) 0);
            }
        }
        return NtfsImage.bytesOf(cluster);
    }
}
