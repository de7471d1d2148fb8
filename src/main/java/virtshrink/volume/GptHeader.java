package virtshrink.volume;

import static virtshrink.block.CorruptStructureException.verify;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import virtshrink.block.StructureBytes;

/** GPT header: UEFI specification 2.10, section 5.3.2, table 5-5. Values are checked in themselves, not against the disk. */
record GptHeader(
        long myLba,
        long alternateLba,
        long firstUsableLba,
        long lastUsableLba,
        String diskGuid,
        long partitionEntryLba,
        int numberOfPartitionEntries,
        int sizeOfPartitionEntry,
        long partitionEntryArrayCrc32) {
    private static final byte[] SIGNATURE = "EFI PART".getBytes(StandardCharsets.US_ASCII);
    private static final int REVISION_1_0 = 0x10000;
    private static final int SMALLEST_BYTES = 92;
    private static final int HEADER_CRC32 = 16;
    /** The usual array has 16 KiB; this bounds what a forged header can make us read. */
    private static final int LARGEST_ARRAY_BYTES = 4 << 20;

    static boolean isPresent(StructureBytes sector) {
        return sector.matches(0, SIGNATURE);
    }

    /**
     * @param sector the whole sector that holds the header
     * @param lba where that sector was read
     */
    static GptHeader parse(StructureBytes sector, long lba) {
        long revision = sector.u32le(8);
        long headerSize = sector.u32le(12);
        long headerCrc32 = sector.u32le(HEADER_CRC32);
        long reserved = sector.u32le(20);
        long myLba = sector.u63le(24);
        long alternateLba = sector.u63le(32);
        long firstUsableLba = sector.u63le(40);
        long lastUsableLba = sector.u63le(48);
        String diskGuid = Guid.text(sector, 56);
        long partitionEntryLba = sector.u63le(72);
        long numberOfPartitionEntries = sector.u32le(80);
        long sizeOfPartitionEntry = sector.u32le(84);
        long partitionEntryArrayCrc32 = sector.u32le(88);

        String structure = sector.structure();
        long offset = sector.offsetBytes();
        verify(isPresent(sector), structure, offset, "signature EFI PART expected");
        verify(
                headerSize >= SMALLEST_BYTES && headerSize <= sector.length(),
                structure,
                offset + 12,
                "header size 92 to %d expected, %d found".formatted(sector.length(), headerSize));
        long crc32 = crc32(sector.bytes(0, (int) headerSize));
        verify(
                headerCrc32 == crc32,
                structure,
                offset + HEADER_CRC32,
                "checksum 0x%08x expected, 0x%08x found".formatted(crc32, headerCrc32));
        verify(
                revision == REVISION_1_0,
                structure,
                offset + 8,
                "revision 0x00010000 expected, 0x%08x found".formatted(revision));
        verify(reserved == 0, structure, offset + 20, "reserved field is not zero");
        verify(myLba == lba, structure, offset + 24, "own sector %d expected, %d found".formatted(lba, myLba));
        verify(
                firstUsableLba <= lastUsableLba,
                structure,
                offset + 40,
                "usable sectors %d to %d are none".formatted(firstUsableLba, lastUsableLba));
        verify(
                sizeOfPartitionEntry >= GptEntry.SMALLEST_BYTES
                        && sizeOfPartitionEntry <= LARGEST_ARRAY_BYTES
                        && Long.bitCount(sizeOfPartitionEntry) == 1,
                structure,
                offset + 84,
                "entry size of 128 times a power of two expected, %d found".formatted(sizeOfPartitionEntry));
        verify(
                numberOfPartitionEntries > 0 && numberOfPartitionEntries <= LARGEST_ARRAY_BYTES / sizeOfPartitionEntry,
                structure,
                offset + 80,
                "%d entries of %d bytes are out of range".formatted(numberOfPartitionEntries, sizeOfPartitionEntry));
        return new GptHeader(
                myLba,
                alternateLba,
                firstUsableLba,
                lastUsableLba,
                diskGuid,
                partitionEntryLba,
                (int) numberOfPartitionEntries,
                (int) sizeOfPartitionEntry,
                partitionEntryArrayCrc32);
    }

    /** At most 4 MiB. */
    int entryArrayBytes() {
        return numberOfPartitionEntries * sizeOfPartitionEntry;
    }

    /** Whether the two headers describe the same table; what must differ between a primary and its backup is left out. */
    boolean agreesWith(GptHeader other) {
        return firstUsableLba == other.firstUsableLba
                && lastUsableLba == other.lastUsableLba
                && diskGuid.equals(other.diskGuid)
                && numberOfPartitionEntries == other.numberOfPartitionEntries
                && sizeOfPartitionEntry == other.sizeOfPartitionEntry
                && partitionEntryArrayCrc32 == other.partitionEntryArrayCrc32;
    }

    private static long crc32(byte[] header) {
        Arrays.fill(header, HEADER_CRC32, HEADER_CRC32 + 4, (byte) 0);
        CRC32 crc = new CRC32();
        crc.update(header);
        return crc.getValue();
    }
}
