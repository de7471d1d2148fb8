package virtshrink.filesystem.ntfs;

/** {@code MFT_SEGMENT_REFERENCE}: 48 bits of record number, 16 bits of sequence number. */
final class FileReference {
    private FileReference() {}

    static long record(long reference) {
        return reference & 0xFFFF_FFFF_FFFFL;
    }

    static int sequenceNumber(long reference) {
        return (int) (reference >>> 48);
    }
}
