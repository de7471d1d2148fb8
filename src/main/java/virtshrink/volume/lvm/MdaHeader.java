package virtshrink.volume.lvm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The sector before the text of a metadata area: {@code mda_header}.
 *
 * @param place the whole area; behind its header it is a ring in which texts follow one another
 * @param ignored kept out of use on purpose; what it says is old
 * @param committed where the valid text lies; none before the first one is written
 * @param changing whether a change of the volume group was begun and neither finished nor taken back
 */
record MdaHeader(ByteRange place, boolean ignored, Optional<RawLocn> committed, boolean changing) {
    private static final String STRUCTURE = "mda_header";
    static final int LENGTH_BYTES = 512;
    private static final byte[] MAGIC = {
        0x20, 0x4C, 0x56, 0x4D, 0x32, 0x20, 0x78, 0x5B, 0x35, 0x41, 0x25, 0x72, 0x30, 0x4E, 0x2A, 0x3E
    };
    private static final int MAGIC_AT = 4;
    private static final int VERSION = 20;
    private static final int START = 24;
    private static final int SIZE = 32;
    private static final int RAW_LOCNS = 40;
    private static final int RAW_LOCN_BYTES = 24;
    private static final int FLAGS = 20;
    private static final int RAW_LOCN_IGNORED = 1;

    /**
     * {@code raw_locn}.
     *
     * @param offset from the start of the area
     * @param size of the text, its closing zero byte included
     */
    record RawLocn(long offset, long size, long checksum) {}

    static MdaHeader read(BlockSource volume, ByteRange place) throws IOException {
        long offset = Math.min(place.startBytes(), volume.sizeBytes());
        int present = (int) Math.min(LENGTH_BYTES, volume.sizeBytes() - offset);
        StructureBytes header = new StructureBytes(STRUCTURE, offset, volume.read(offset, present));
        long checksum = header.u32le(0);
        long version = header.u32le(VERSION);
        long start = header.i64le(START);
        long size = header.i64le(SIZE);
        long flags = header.u32le(RAW_LOCNS + FLAGS);
        long slot1Flags = header.u32le(RAW_LOCNS + RAW_LOCN_BYTES + FLAGS);
        RawLocn slot0 = locn(header, 0);
        RawLocn slot1 = locn(header, 1);

        long crc = LvmCrc.of(header.bytes(MAGIC_AT, LENGTH_BYTES - MAGIC_AT));
        check(header, 0, checksum == crc, "checksum %08x expected, %08x found".formatted(crc, checksum));
        check(header, MAGIC_AT, header.matches(MAGIC_AT, MAGIC), "wrong magic number");
        check(header, VERSION, version == 1, "version 1 expected, %d found".formatted(version));
        check(header, START, start == place.startBytes(), "written for offset " + Long.toUnsignedString(start));
        check(
                header,
                SIZE,
                size == place.lengthBytes() && size > LENGTH_BYTES && place.endBytes() <= volume.sizeBytes(),
                "an area of %s bytes, %d in the label, in a volume of %d"
                        .formatted(Long.toUnsignedString(size), place.lengthBytes(), volume.sizeBytes()));
        check(
                header,
                RAW_LOCNS + FLAGS,
                (flags & ~RAW_LOCN_IGNORED) == 0 && (slot1Flags & ~RAW_LOCN_IGNORED) == 0,
                "unknown flags 0x%x and 0x%x".formatted(flags, slot1Flags));
        boolean ignored = (flags & RAW_LOCN_IGNORED) != 0;
        boolean none = slot0.offset() == 0 && slot0.size() == 0;
        check(
                header,
                RAW_LOCNS,
                none || ignored || fits(slot0, size),
                "a text of %d bytes at %d in an area of %d".formatted(slot0.size(), slot0.offset(), size));
        return new MdaHeader(
                place, ignored, none ? Optional.empty() : Optional.of(slot0), slot1.offset() != 0 || slot1.size() != 0);
    }

    private static boolean fits(RawLocn slot, long areaBytes) {
        return slot.offset() >= LENGTH_BYTES
                && slot.offset() < areaBytes
                && slot.size() > 0
                && slot.size() <= areaBytes - LENGTH_BYTES;
    }

    private static RawLocn locn(StructureBytes header, int slot) {
        int at = RAW_LOCNS + slot * RAW_LOCN_BYTES;
        return new RawLocn(header.u63le(at), header.u63le(at + 8), header.u32le(at + 16));
    }

    private static void check(StructureBytes header, int at, boolean condition, String reason) {
        if (!condition) {
            throw header.corrupt(at, reason);
        }
    }

    /**
     * The text that is in force, which may go on at the ring's beginning.
     *
     * @param text its place; its size has been bounded
     */
    byte[] readText(BlockSource volume, RawLocn text) throws IOException {
        int size = Math.toIntExact(text.size());
        int first = (int) Math.min(size, place.lengthBytes() - text.offset());
        ByteBuffer bytes = ByteBuffer.allocate(size);
        volume.read(place.startBytes() + text.offset(), bytes.limit(first));
        volume.read(place.startBytes() + LENGTH_BYTES, bytes.limit(size));
        byte[] content = bytes.array();
        long crc = LvmCrc.of(content);
        if (crc != text.checksum()) {
            throw new CorruptStructureException(
                    "LVM2 metadata text",
                    place.startBytes() + text.offset(),
                    "checksum %08x expected, %08x found".formatted(crc, text.checksum()));
        }
        return content;
    }
}
