package virtshrink.filesystem.ntfs;

import static java.nio.charset.StandardCharsets.UTF_16LE;

import virtshrink.block.StructureBytes;

/**
 * {@code ATTRIBUTE_RECORD_HEADER}: one attribute of a file, or one extent of an attribute whose mapping pairs need several file records.
 *
 * @param record the file record that holds it, its update sequence undone
 * @param at offset of this attribute in the record
 * @param lengthBytes of this attribute in the record
 * @param type {@code $DATA}, {@code $BITMAP}, …
 * @param nonResident whether the value lies in clusters rather than in the record
 * @param flags {@link #COMPRESSION_MASK} and others
 * @param lowestVcn first virtual cluster of this extent; 0 if resident
 */
record AttributeRecord(
        StructureBytes record,
        int at,
        int lengthBytes,
        int type,
        boolean nonResident,
        int flags,
        int instance,
        long lowestVcn) {
    static final int STANDARD_INFORMATION = 0x10;
    static final int ATTRIBUTE_LIST = 0x20;
    static final int FILE_NAME = 0x30;
    static final int VOLUME_NAME = 0x60;
    static final int VOLUME_INFORMATION = 0x70;
    static final int DATA = 0x80;
    static final int INDEX_ROOT = 0x90;
    static final int INDEX_ALLOCATION = 0xA0;
    static final int BITMAP = 0xB0;
    static final int END = 0xFFFFFFFF;

    static final int COMPRESSION_MASK = 0x00FF;
    static final int ENCRYPTED = 0x4000;
    static final int SPARSE = 0x8000;

    private static final int RESIDENT_HEADER_BYTES = 24;
    private static final int NON_RESIDENT_HEADER_BYTES = 64;

    /**
     * @param at where the attribute begins
     * @param end behind the last byte that the record has in use
     */
    static AttributeRecord parse(StructureBytes record, int at, int end) {
        int type = (int) record.u32le(at);
        long length = record.u32le(at + 0x04);
        int form = record.u8(at + 0x08);
        int nameLength = record.u8(at + 0x09);
        int nameOffset = record.u16le(at + 0x0A);
        int flags = record.u16le(at + 0x0C);
        int instance = record.u16le(at + 0x0E);

        if (type == 0 || type % 0x10 != 0) {
            throw record.corrupt(at, "attribute type 0x%x".formatted(type));
        }
        if (form > 1) {
            throw record.corrupt(at + 0x08, "attribute form %d".formatted(form));
        }
        int headerBytes = form == 0 ? RESIDENT_HEADER_BYTES : NON_RESIDENT_HEADER_BYTES;
        if (length < headerBytes || length % 8 != 0 || length > end - at) {
            throw record.corrupt(at + 0x04, "attribute of %d bytes, %d are left".formatted(length, end - at));
        }
        if (nameLength > 0 && (nameOffset < headerBytes || nameOffset + nameLength * 2 > length)) {
            throw record.corrupt(at + 0x0A, "attribute name of %d characters at %d".formatted(nameLength, nameOffset));
        }
        long lowestVcn = form == 0 ? 0 : record.u63le(at + 0x10);
        return new AttributeRecord(record, at, (int) length, type, form == 1, flags, instance, lowestVcn);
    }

    /** Empty for the unnamed attribute of its type. */
    String name() {
        int length = record.u8(at + 0x09);
        return length == 0 ? "" : new String(record.bytes(at + record.u16le(at + 0x0A), length * 2), UTF_16LE);
    }

    /** Whether this is the attribute of that type and name, or an extent of it. */
    boolean is(int wantedType, String wantedName) {
        return type == wantedType && name().equals(wantedName);
    }

    /** The value of a resident attribute. */
    byte[] value() {
        if (nonResident) {
            throw record.corrupt(at, "attribute 0x%x is expected to be resident".formatted(type));
        }
        long valueLength = record.u32le(at + 0x10);
        int valueOffset = record.u16le(at + 0x14);
        if (valueOffset < RESIDENT_HEADER_BYTES || valueLength > lengthBytes - valueOffset) {
            throw record.corrupt(at + 0x10, "value of %d bytes at %d".formatted(valueLength, valueOffset));
        }
        return record.bytes(at + valueOffset, (int) valueLength);
    }

    /** Last virtual cluster of this extent; one less than the first if there is none. */
    long highestVcn() {
        long vcn = record.i64le(at + 0x18);
        if (vcn < lowestVcn - 1 || vcn == Long.MAX_VALUE) {
            throw record.corrupt(at + 0x18, "virtual clusters %d to %d".formatted(lowestVcn, vcn));
        }
        return vcn;
    }

    /** Counted over all extents; only the first knows it. */
    long allocatedBytes() {
        return record.u63le(at + 0x28);
    }

    long dataBytes() {
        return record.u63le(at + 0x30);
    }

    /** What lies behind reads as zeros. */
    long initialisedBytes() {
        return record.u63le(at + 0x38);
    }

    /**
     * Hands over the runs of a non-resident attribute's extent, in order of their virtual clusters.
     *
     * @param clusters of the volume
     * @throws virtshrink.block.CorruptStructureException if the mapping pairs are broken, leave the volume, or are not as many clusters as
     *     the header says
     */
    void forEachRun(long clusters, RunConsumer consumer) {
        int pairs = record.u16le(at + 0x20);
        if (pairs < NON_RESIDENT_HEADER_BYTES || pairs > lengthBytes) {
            throw record.corrupt(at + 0x20, "mapping pairs at %d".formatted(pairs));
        }
        long mapped = MappingPairs.forEachRun(record, at + pairs, at + lengthBytes, clusters, consumer);
        if (mapped != highestVcn() - lowestVcn + 1) {
            throw record.corrupt(
                    at + 0x18,
                    "%d clusters mapped to virtual clusters %d to %d".formatted(mapped, lowestVcn, highestVcn()));
        }
    }

    /** Takes runs of clusters. */
    interface RunConsumer {
        /**
         * Takes the next run.
         *
         * @param lcn first cluster, or {@link MappingPairs#HOLE}
         * @param length at least 1
         */
        void accept(long lcn, long length);
    }
}
