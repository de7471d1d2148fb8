package virtshrink.filesystem.ntfs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import virtshrink.block.StructureBytes;

/**
 * {@code FILE_RECORD_SEGMENT_HEADER} and the attributes behind it: a file, or the continuation of one.
 *
 * @param bytes the whole record, its update sequence undone
 * @param number of the record in {@code $MFT}
 * @param sequenceNumber how often the record was used for another file
 * @param usedBytes of the record
 * @param baseRecord number of the record that this one continues; 0 if it is none (record 0 itself is no base of others only in name)
 * @param baseSequenceNumber of that record
 */
record FileRecord(
        StructureBytes bytes,
        long number,
        int sequenceNumber,
        int firstAttributeAt,
        int flags,
        int usedBytes,
        long baseRecord,
        int baseSequenceNumber) {
    static final String STRUCTURE = "FILE_RECORD_SEGMENT_HEADER";
    private static final int MAGIC = 0x454C4946;

    private static final int IN_USE = 0x1;
    private static final int DIRECTORY = 0x2;
    /** Since NTFS 3.1 the header is longer and holds the record's own number. */
    private static final int HEADER_BYTES = 0x2A;

    private static final int HEADER_BYTES_31 = 0x30;

    /**
     * @param record the raw bytes, as many as the boot sector says a record has; changed
     * @param offsetBytes where the record lies, for messages: in {@code $MFT}
     */
    static FileRecord parse(ByteBuffer record, long number, long offsetBytes) {
        int length = record.remaining();
        StructureBytes raw =
                new StructureBytes(STRUCTURE, offsetBytes, record.slice().limit(8));
        if (raw.u32le(0) != MAGIC) {
            throw raw.corrupt(0, "file record %d has no FILE mark".formatted(number));
        }
        UpdateSequence.apply(STRUCTURE, offsetBytes, record);
        StructureBytes bytes = new StructureBytes(STRUCTURE, offsetBytes, record);
        int arrayAt = bytes.u16le(0x04);
        int arrayCount = bytes.u16le(0x06);
        int sequenceNumber = bytes.u16le(0x10);
        int firstAttributeAt = bytes.u16le(0x14);
        int flags = bytes.u16le(0x16);
        long usedBytes = bytes.u32le(0x18);
        long allocatedBytes = bytes.u32le(0x1C);
        long base = bytes.i64le(0x20);
        long ownNumber = bytes.u32le(0x2C);

        if (allocatedBytes != length) {
            throw bytes.corrupt(0x1C, "file record of %d bytes, expected %d".formatted(allocatedBytes, length));
        }
        if (usedBytes > length || usedBytes % 8 != 0) {
            throw bytes.corrupt(0x18, "%d of %d bytes in use".formatted(usedBytes, length));
        }
        if (arrayAt < HEADER_BYTES
                || firstAttributeAt % 8 != 0
                || firstAttributeAt < arrayAt + arrayCount * 2
                || firstAttributeAt > usedBytes - 8) {
            throw bytes.corrupt(0x14, "first attribute at %d".formatted(firstAttributeAt));
        }
        // Formatting does not number what it keeps in reserve.
        if (arrayAt >= HEADER_BYTES_31 && (flags & IN_USE) != 0 && ownNumber != (number & 0xFFFFFFFFL)) {
            throw bytes.corrupt(0x2C, "file record %d calls itself %d".formatted(number, ownNumber));
        }
        return new FileRecord(
                bytes,
                number,
                sequenceNumber,
                firstAttributeAt,
                flags,
                (int) usedBytes,
                FileReference.record(base),
                FileReference.sequenceNumber(base));
    }

    /** Whether raw bytes, their update sequence not undone, have the mark and the flag of a record that is in use. */
    static boolean looksInUse(ByteBuffer record) {
        ByteBuffer bytes = record.slice().order(ByteOrder.LITTLE_ENDIAN);
        return bytes.getInt(0) == MAGIC && (bytes.get(0x16) & IN_USE) != 0;
    }

    boolean isInUse() {
        return (flags & IN_USE) != 0;
    }

    boolean isDirectory() {
        return (flags & DIRECTORY) != 0;
    }

    /** Whether this is the first record of a file. */
    boolean isBase() {
        return baseRecord == 0 && baseSequenceNumber == 0;
    }

    /** Whether both say the same; the update sequence is no part of that. */
    boolean hasSameContentAs(FileRecord other) {
        return usedBytes == other.usedBytes
                && flags == other.flags
                && sequenceNumber == other.sequenceNumber
                && firstAttributeAt == other.firstAttributeAt
                && bytes.matches(firstAttributeAt, other.bytes.bytes(firstAttributeAt, usedBytes - firstAttributeAt));
    }

    /**
     * All attributes and extents of attributes in this record, in order.
     *
     * @throws virtshrink.block.CorruptStructureException if they do not end with the mark where the record says that they end
     */
    List<AttributeRecord> attributes() {
        List<AttributeRecord> attributes = new ArrayList<>();
        int at = firstAttributeAt;
        while ((int) bytes.u32le(at) != AttributeRecord.END) {
            AttributeRecord attribute = AttributeRecord.parse(bytes, at, usedBytes);
            attributes.add(attribute);
            at += attribute.lengthBytes();
            if (at > usedBytes - 4) {
                throw bytes.corrupt(at, "the attributes of file record %d have no end".formatted(number));
            }
        }
        return attributes;
    }
}
