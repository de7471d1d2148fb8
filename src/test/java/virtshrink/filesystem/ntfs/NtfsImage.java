package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemState;

/** A small volume in memory whose structures a test may change, with their update sequences. Its {@code $MFT} is in one piece. */
final class NtfsImage {
    static final int DATA = 0x80;
    private static final int STRIDE = 512;

    private final MemoryDisk disk;
    private final int clusterBytes;
    private final int recordBytes;
    private final int mftAt;
    private final long mirrorAt;

    private NtfsImage(MemoryDisk disk) {
        this.disk = disk;
        ByteBuffer boot = little(disk.bytes());
        this.clusterBytes = boot.getChar(0x0B) * boot.get(0x0D);
        this.recordBytes = boot.get(0x40) > 0 ? boot.get(0x40) * clusterBytes : 1 << -boot.get(0x40);
        this.mftAt = (int) boot.getLong(0x30) * clusterBytes;
        this.mirrorAt = boot.getLong(0x38) * clusterBytes;
    }

    /** The beginning of a volume is enough, with all that is to be changed; the mirrored records may lie behind it. */
    static NtfsImage of(MemoryDisk start) {
        return new NtfsImage(start);
    }

    static NtfsImage load(Path image) throws IOException {
        return new NtfsImage(MemoryDisk.load(image));
    }

    NtfsImage copy() {
        return new NtfsImage(disk.copy());
    }

    Path store(Path image) throws IOException {
        return Files.write(image, disk.bytes());
    }

    MemoryDisk disk() {
        return disk;
    }

    int clusterBytes() {
        return clusterBytes;
    }

    int recordBytes() {
        return recordBytes;
    }

    /** Where a file record lies. */
    int recordAt(int number) {
        return mftAt + number * recordBytes;
    }

    long mirrorAt(int number) {
        return mirrorAt + (long) number * recordBytes;
    }

    /** Number of bytes of a record that mean something. */
    int usedBytes(int number) {
        return little(disk.bytes()).getInt(recordAt(number) + 0x18);
    }

    FilesystemState state() throws IOException {
        return new NtfsReader().read(disk).state();
    }

    FilesystemState.FreeSpace free() throws IOException {
        FilesystemState state = state();
        assertTrue(state instanceof FilesystemState.FreeSpace, state::reasonText);
        return (FilesystemState.FreeSpace) state;
    }

    /** Changes a record, and its copy where it has one; bytes as they are without the update sequence. */
    NtfsImage edit(int number, Consumer<ByteBuffer> change) {
        editAt(recordAt(number), recordBytes, change);
        if (number < 4 && mirrorAt(number) < disk.sizeBytes()) {
            System.arraycopy(disk.bytes(), recordAt(number), disk.bytes(), (int) mirrorAt(number), recordBytes);
        }
        return this;
    }

    /** Changes any structure with an update sequence. */
    NtfsImage editAt(long place, int length, Consumer<ByteBuffer> change) {
        int at = Math.toIntExact(place);
        ByteBuffer record = little(Arrays.copyOfRange(disk.bytes(), at, at + length));
        UpdateSequence.apply("test", at, record.duplicate());
        change.accept(record);
        protect(record);
        disk.putBytes(at, bytesOf(record));
        return this;
    }

    /** Takes the last bytes of each stride away and puts the next number there. */
    static void protect(ByteBuffer record) {
        int array = record.getChar(0x04);
        char number = (char) (record.getChar(array) + 1);
        record.putChar(array, number);
        for (int stride = 1; stride <= record.capacity() / STRIDE; stride++) {
            record.putChar(array + stride * 2, record.getChar(stride * STRIDE - 2));
            record.putChar(stride * STRIDE - 2, number);
        }
    }

    /** Offset of the first attribute of a type in a record. */
    static int attributeAt(ByteBuffer record, int type) {
        int at = record.getChar(0x14);
        while (record.getInt(at) != type) {
            assertTrue(record.getInt(at) != -1, () -> "no attribute 0x%x".formatted(type));
            at += record.getInt(at + 4);
        }
        return at;
    }

    /** Changes the first attribute of a type of a record. */
    NtfsImage attribute(int number, int type, Consumer<ByteBuffer> change) {
        return edit(
                number,
                record -> change.accept(
                        record.slice(attributeAt(record, type), record.getInt(attributeAt(record, type) + 4))
                                .order(ByteOrder.LITTLE_ENDIAN)));
    }

    /** First cluster and number of clusters of a non-resident attribute that is in one piece. */
    int[] run(int number, int type) {
        List<int[]> runs = new ArrayList<>();
        for (AttributeRecord attribute :
                FileRecord.parse(unprotected(number), number, 0).attributes()) {
            if (attribute.type() == type && attribute.nonResident()) {
                attribute.forEachRun(Integer.MAX_VALUE, (lcn, length) -> runs.add(new int[] {(int) lcn, (int) length}));
            }
        }
        assertEquals(1, runs.size());
        return runs.get(0);
    }

    /**
     * Where the lengths and places of a record's runs lie, in bytes of the disk. Not the sizes of these numbers: written longer than they
     * need, they are the same.
     */
    List<ByteRange> runsOf(int number) {
        List<ByteRange> pairs = new ArrayList<>();
        ByteBuffer record = unprotected(number).order(ByteOrder.LITTLE_ENDIAN);
        UpdateSequence.apply("test", 0, record.duplicate());
        forEachAttribute(record, at -> {
            int pair = at + record.getChar(at + 0x20);
            while (record.get(at + 8) != 0 && record.get(pair) != 0) {
                int length = (record.get(pair) & 0xF) + (record.get(pair) >> 4 & 0xF);
                pairs.add(new ByteRange(recordAt(number) + pair + 1, length));
                pair += 1 + length;
            }
        });
        return pairs;
    }

    private ByteBuffer unprotected(int number) {
        return ByteBuffer.wrap(Arrays.copyOfRange(disk.bytes(), recordAt(number), recordAt(number) + recordBytes));
    }

    /** Where the only run of an attribute begins, in bytes. */
    int dataAt(int number) {
        return run(number, DATA)[0] * clusterBytes;
    }

    /** Marks a cluster as used or free. */
    NtfsImage mark(int cluster, boolean used) {
        int at = dataAt(MasterFileTable.BITMAP) + cluster / 8;
        int bit = 1 << cluster % 8;
        disk.put(at, used ? disk.bytes()[at] | bit : disk.bytes()[at] & ~bit);
        return this;
    }

    boolean isMarked(int cluster) {
        return (disk.bytes()[dataAt(MasterFileTable.BITMAP) + cluster / 8] >> cluster % 8 & 1) != 0;
    }

    /** The first free cluster at or after the given one. */
    int freeCluster(int from) {
        int cluster = from;
        while (isMarked(cluster)) {
            cluster++;
        }
        return cluster;
    }

    /** All bytes of a buffer. */
    static byte[] bytesOf(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.capacity()];
        buffer.get(0, bytes);
        return bytes;
    }

    static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Moves the unnamed data of a file, which is in one run, into several records: each gets a piece, and the file an attribute list.
     *
     * @param holders free records that take the second and further extents
     * @param listCluster where the attribute list goes, marked used; negative: into the base record
     */
    NtfsImage splitData(int number, int[] holders, int listCluster) {
        return splitData(number, holders, listCluster, 1);
    }

    /**
     * As above.
     *
     * @param headClusters how many clusters stay with the base record
     */
    NtfsImage splitData(int number, int[] holders, int listCluster, int headClusters) {
        int[] run = run(number, DATA);
        assertTrue(run[1] >= headClusters + holders.length, "too few clusters");
        ByteBuffer base = unprotected(number).order(ByteOrder.LITTLE_ENDIAN);
        UpdateSequence.apply("test", 0, base.duplicate());
        long reference = number | (long) base.getChar(0x10) << 48;
        int data = attributeAt(base, DATA);
        byte[] extent = Arrays.copyOfRange(bytesOf(base), data, data + base.getInt(data + 4));
        List<Entry> entries = new ArrayList<>();
        forEachAttribute(base, at -> {
            if (base.getInt(at) != DATA) {
                entries.add(new Entry(base.getInt(at), 0, reference, base.getChar(at + 0x0E), nameOf(base, at)));
            }
        });
        entries.add(new Entry(DATA, 0, reference, little(extent).getChar(0x0E), ""));
        for (int i = 0; i < holders.length; i++) {
            int firstVcn = headClusters + i;
            int length = i + 1 < holders.length ? 1 : run[1] - firstVcn;
            ByteBuffer piece = extent(extent, firstVcn, run[0] + firstVcn, length);
            piece.putChar(0x0E, (char) 0);
            int holder = holders[i];
            edit(holder, record -> {
                int first = record.getChar(0x14);
                record.putChar(0x10, (char) Math.max(record.getChar(0x10), 1));
                record.putChar(0x16, (char) 1);
                record.putLong(0x20, reference);
                record.putChar(0x28, (char) 1);
                record.putInt(0x2C, holder);
                put(record, first, piece, true);
            });
            markRecord(holder);
            long sequence = little(disk.bytes()).getChar(recordAt(holder) + 0x10);
            entries.add(new Entry(DATA, firstVcn, holder | sequence << 48, 0, ""));
        }
        entries.sort((a, b) -> a.type != b.type ? Integer.compare(a.type, b.type) : Long.compare(a.vcn, b.vcn));
        ByteBuffer head = extent(extent, 0, run[0], headClusters);
        edit(number, record -> rebuild(record, head, list(entries), listCluster));
        return this;
    }

    private record Entry(int type, long vcn, long reference, int instance, String name) {}

    private void rebuild(ByteBuffer record, ByteBuffer data, byte[] list, int listCluster) {
        List<byte[]> attributes = new ArrayList<>();
        forEachAttribute(record, at -> {
            int length = record.getInt(at + 4);
            attributes.add(
                    record.getInt(at) == DATA ? bytesOf(data) : Arrays.copyOfRange(bytesOf(record), at, at + length));
        });
        ByteBuffer attribute = little(new byte[0x48]);
        if (listCluster < 0) {
            attribute = little(new byte[0x18 + list.length]);
            attribute.putInt(0x10, list.length).putChar(0x14, (char) 0x18).put(0x18, list);
        } else {
            disk.putBytes(listCluster * clusterBytes, Arrays.copyOf(list, clusterBytes));
            mark(listCluster, true);
            attribute.put(8, (byte) 1).putChar(0x20, (char) 0x40);
            attribute.putLong(0x28, clusterBytes).putLong(0x30, list.length).putLong(0x38, list.length);
            attribute.put(0x40, (byte) 0x41).put(0x41, (byte) 1).putInt(0x42, listCluster);
        }
        attribute.putInt(0, AttributeRecord.ATTRIBUTE_LIST).putInt(4, attribute.capacity());
        attribute.putChar(0x0E, record.getChar(0x28));
        record.putChar(0x28, (char) (record.getChar(0x28) + 1));
        attributes.add(1, bytesOf(attribute));
        int at = record.getChar(0x14);
        for (int i = 0; i < attributes.size(); i++) {
            at = put(record, at, ByteBuffer.wrap(attributes.get(i)), i + 1 == attributes.size());
        }
    }

    private static int put(ByteBuffer record, int at, ByteBuffer attribute, boolean last) {
        record.put(at, bytesOf(attribute));
        int end = at + attribute.capacity();
        if (last) {
            record.putInt(end, -1).putInt(end + 4, 0);
            record.putInt(0x18, end + 8);
        }
        return end;
    }

    private static ByteBuffer extent(byte[] whole, int vcn, int lcn, int length) {
        ByteBuffer extent = little(Arrays.copyOf(whole, 0x50));
        extent.putInt(4, 0x50).putLong(0x10, vcn).putLong(0x18, vcn + length - 1);
        if (vcn > 0) {
            extent.putLong(0x28, 0).putLong(0x30, 0).putLong(0x38, 0);
        }
        extent.putChar(0x20, (char) 0x40).putLong(0x40, 0).putLong(0x48, 0);
        extent.put(0x40, (byte) 0x44).putInt(0x41, length).putInt(0x45, lcn).put(0x49, (byte) 0);
        return extent;
    }

    private static byte[] list(List<Entry> entries) {
        ByteBuffer list =
                little(new byte[entries.stream().mapToInt(NtfsImage::lengthOf).sum()]);
        int at = 0;
        for (Entry entry : entries) {
            list.putInt(at, entry.type).putChar(at + 4, (char) lengthOf(entry));
            list.put(at + 6, (byte) entry.name.length()).put(at + 7, (byte) 0x1A);
            list.putLong(at + 8, entry.vcn).putLong(at + 0x10, entry.reference).putChar(at + 0x18, (char)
                    entry.instance);
            for (int i = 0; i < entry.name.length(); i++) {
                list.putChar(at + 0x1A + i * 2, entry.name.charAt(i));
            }
            at += lengthOf(entry);
        }
        return bytesOf(list);
    }

    private static int lengthOf(Entry entry) {
        return (0x1A + entry.name.length() * 2 + 7) / 8 * 8;
    }

    private static String nameOf(ByteBuffer record, int at) {
        StringBuilder name = new StringBuilder();
        for (int i = 0; i < record.get(at + 9); i++) {
            name.append(record.getChar(at + record.getChar(at + 0x0A) + i * 2));
        }
        return name.toString();
    }

    private static void forEachAttribute(ByteBuffer record, Consumer<Integer> consumer) {
        for (int at = record.getChar(0x14); record.getInt(at) != -1; at += record.getInt(at + 4)) {
            consumer.accept(at);
        }
    }

    /** Marks a file record as used in the bitmap of {@code $MFT}. */
    NtfsImage markRecord(int number) {
        int at = run(0, AttributeRecord.BITMAP)[0] * clusterBytes + number / 8;
        disk.put(at, disk.bytes()[at] | 1 << number % 8);
        return this;
    }
}
