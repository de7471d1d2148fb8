package virtshrink.volume.lvm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static virtshrink.block.CorruptStructureException.verify;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * What stands at the beginning of a physical volume: {@code label_header} in one of the first four sectors, and in it {@code pv_header}
 * with {@code pv_header_extension}.
 *
 * @param uuid in LVM's notation
 * @param dataAreas where the extents begin; their length is 0, meaning the rest
 * @param metadataAreas where the volume group's text lies
 * @param bootloaderAreas kept free for somebody else
 */
record PvHeader(
        String uuid, List<ByteRange> dataAreas, List<ByteRange> metadataAreas, List<ByteRange> bootloaderAreas) {
    static final int SECTOR_BYTES = 512;
    /** Whatever the label's sector is, nothing else lies in these. */
    static final int SCANNED_SECTORS = 4;

    private static final String STRUCTURE = "label_header";
    private static final byte[] ID = "LABELONE".getBytes(US_ASCII);
    private static final byte[] TYPE = "LVM2 001".getBytes(US_ASCII);
    private static final int SECTOR_XL = 8;
    private static final int CRC_XL = 16;
    private static final int OFFSET_XL = 20;
    private static final int TYPE_AT = 24;

    private static final int ID_LEN = 32;
    private static final int DISK_AREAS_XL = 40;
    private static final int DISK_LOCN_BYTES = 16;
    private static final int EXTENSION_BYTES = 8;
    private static final int NEWEST_EXTENSION = 2;
    private static final int KNOWN_FLAGS = 1;
    private static final Pattern UUID_GROUPS = Pattern.compile("(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})");

    /** @throws CorruptStructureException if there is not exactly one label, or it contradicts its format */
    static PvHeader read(BlockSource volume) throws IOException {
        verify(volume.sizeBytes() >= SCANNED_SECTORS * SECTOR_BYTES, STRUCTURE, 0, "no room for a label");
        StructureBytes head = new StructureBytes(STRUCTURE, 0, volume.read(0, SCANNED_SECTORS * SECTOR_BYTES));
        List<Integer> sectors = new ArrayList<>();
        for (int sector = 0; sector < SCANNED_SECTORS; sector++) {
            int at = sector * SECTOR_BYTES;
            if (head.matches(at, ID) || head.matches(at + TYPE_AT, TYPE)) {
                sectors.add(sector);
            }
        }
        verify(sectors.size() == 1, STRUCTURE, 0, "one label expected, %d found".formatted(sectors.size()));
        int sector = sectors.get(0);
        long offset = (long) sector * SECTOR_BYTES;
        return parse(new StructureBytes(STRUCTURE, offset, volume.read(offset, SECTOR_BYTES)), sector);
    }

    private static PvHeader parse(StructureBytes label, int sector) {
        long sectorXl = label.i64le(SECTOR_XL);
        long crcXl = label.u32le(CRC_XL);
        long offsetXl = label.u32le(OFFSET_XL);
        check(label, 0, label.matches(0, ID) && label.matches(TYPE_AT, TYPE), "no LVM2 label");
        check(label, SECTOR_XL, sectorXl == sector, "written for sector " + Long.toUnsignedString(sectorXl));
        long crc = LvmCrc.of(label.bytes(OFFSET_XL, SECTOR_BYTES - OFFSET_XL));
        check(label, CRC_XL, crcXl == crc, "checksum %08x expected, %08x found".formatted(crc, crcXl));
        check(label, OFFSET_XL, offsetXl >= 32 && offsetXl < SECTOR_BYTES, "pv_header at " + offsetXl);

        int header = (int) offsetXl;
        String pvUuid = label.text(header, ID_LEN, US_ASCII);
        check(label, header, pvUuid.matches("[0-9a-zA-Z!#]{32}"), "not an identifier");
        List<ByteRange> dataAreas = new ArrayList<>();
        int at = locations(label, header + DISK_AREAS_XL, dataAreas);
        List<ByteRange> metadataAreas = new ArrayList<>();
        at = locations(label, at, metadataAreas);
        List<ByteRange> bootloaderAreas = new ArrayList<>();
        long version = at <= SECTOR_BYTES - EXTENSION_BYTES ? label.u32le(at) : 0;
        if (version != 0) {
            long flags = label.u32le(at + 4);
            check(
                    label,
                    at,
                    version <= NEWEST_EXTENSION && (flags & ~KNOWN_FLAGS) == 0,
                    "extension of version %d with flags 0x%x is not known".formatted(version, flags));
            locations(label, at + EXTENSION_BYTES, bootloaderAreas);
        }
        return new PvHeader(
                UUID_GROUPS.matcher(pvUuid).replaceFirst("$1-$2-$3-$4-$5-$6-$7"),
                List.copyOf(dataAreas),
                List.copyOf(metadataAreas),
                List.copyOf(bootloaderAreas));
    }

    /** Everything that is not extents. */
    List<ByteRange> reserved() {
        List<ByteRange> reserved = new ArrayList<>();
        reserved.add(new ByteRange(0, SCANNED_SECTORS * SECTOR_BYTES));
        reserved.addAll(metadataAreas);
        reserved.addAll(bootloaderAreas);
        return reserved;
    }

    /** A list of {@code disk_locn} up to the one whose offset is 0; the place behind it. */
    private static int locations(StructureBytes label, int first, List<ByteRange> list) {
        int at = first;
        for (long offset = label.u63le(at); offset != 0; offset = label.u63le(at)) {
            long size = label.u63le(at + 8);
            check(label, at, size <= Long.MAX_VALUE - offset, "an area that ends nowhere");
            list.add(new ByteRange(offset, size));
            at += DISK_LOCN_BYTES;
        }
        check(label, at, label.i64le(at + 8) == 0, "an area without a beginning");
        return at + DISK_LOCN_BYTES;
    }

    private static void check(StructureBytes label, int at, boolean condition, String reason) {
        if (!condition) {
            throw label.corrupt(at, reason);
        }
    }
}
