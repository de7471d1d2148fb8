package virtshrink.filesystem.ntfs;

import static java.nio.charset.StandardCharsets.UTF_16LE;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import virtshrink.block.StructureBytes;

/**
 * {@code ATTRIBUTE_LIST_ENTRY}: which file record holds an attribute, or an extent of it, of a file that needs more than one record.
 *
 * @param lowestVcn first virtual cluster of the extent
 * @param record number of the file record
 * @param sequenceNumber that the file record must have
 * @param instance of the attribute in that record
 */
record AttributeListEntry(int type, String name, long lowestVcn, long record, int sequenceNumber, int instance) {
    static final String STRUCTURE = "ATTRIBUTE_LIST_ENTRY";
    /** Windows allows no more. */
    static final int MOST_LIST_BYTES = 256 << 10;

    private static final int HEADER_BYTES = 0x1A;

    /**
     * @param list the value of the attribute {@code $ATTRIBUTE_LIST}
     * @param offsetBytes for messages
     */
    static List<AttributeListEntry> parseAll(byte[] list, long offsetBytes) {
        StructureBytes bytes = new StructureBytes(STRUCTURE, offsetBytes, ByteBuffer.wrap(list));
        List<AttributeListEntry> entries = new ArrayList<>();
        int at = 0;
        while (at < list.length) {
            int type = (int) bytes.u32le(at);
            int length = bytes.u16le(at + 0x04);
            int nameLength = bytes.u8(at + 0x06);
            int nameOffset = bytes.u8(at + 0x07);
            long lowestVcn = bytes.u63le(at + 0x08);
            long reference = bytes.i64le(at + 0x10);
            int instance = bytes.u16le(at + 0x18);
            if (length < HEADER_BYTES || length % 8 != 0 || length > list.length - at) {
                throw bytes.corrupt(at + 0x04, "entry of %d bytes, %d are left".formatted(length, list.length - at));
            }
            if (nameLength > 0 && (nameOffset < HEADER_BYTES || nameOffset + nameLength * 2 > length)) {
                throw bytes.corrupt(at + 0x07, "name of %d characters at %d".formatted(nameLength, nameOffset));
            }
            String name = nameLength == 0 ? "" : new String(bytes.bytes(at + nameOffset, nameLength * 2), UTF_16LE);
            entries.add(new AttributeListEntry(
                    type,
                    name,
                    lowestVcn,
                    FileReference.record(reference),
                    FileReference.sequenceNumber(reference),
                    instance));
            at += length;
        }
        return entries;
    }
}
