package virtshrink.filesystem.closed;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The Logical Volume Integrity Descriptor of UDF: ECMA-167, part 3, 10.10, where its last one says whether the volume is open or closed. What
 * leads there: the anchor in block 256, the volume descriptor sequence, in it the logical volume descriptor. There is no journal in UDF.
 */
final class UdfIntegrity {
    private static final long ANCHOR_BLOCK = 256;
    private static final int TAG_ANCHOR = 2;
    private static final int TAG_PARTITION = 5;
    private static final int TAG_LOGICAL_VOLUME = 6;
    private static final int TAG_TERMINATING = 8;
    private static final int TAG_INTEGRITY = 9;
    private static final int CLOSE = 1;
    /** Access types of a partition: 3 is rewritable, 4 overwritable. */
    private static final int REWRITABLE = 3;

    private static final int MOST_DESCRIPTORS = 256;

    private final BlockSource volume;
    private final int blockBytes;

    private UdfIntegrity(BlockSource volume, int blockBytes) {
        this.volume = volume;
        this.blockBytes = blockBytes;
    }

    /** The block size is nowhere stated before the anchor is found. */
    static ClosedMark of(BlockSource volume) throws IOException {
        for (int blockBytes = 512; blockBytes <= 4096; blockBytes *= 2) {
            UdfIntegrity udf = new UdfIntegrity(volume, blockBytes);
            Optional<StructureBytes> anchor = udf.descriptor(ANCHOR_BLOCK, TAG_ANCHOR);
            if (anchor.isPresent()) {
                return udf.mark(anchor.get());
            }
        }
        return new ClosedMark.Unusable("UDF without an anchor in block 256");
    }

    /** {@code main}: an extent_ad, ECMA-167 3/7.1: length in bytes, then the first block. */
    private ClosedMark mark(StructureBytes anchor) throws IOException {
        long blocks = Math.min(anchor.u32le(16) / blockBytes, MOST_DESCRIPTORS);
        long start = anchor.u32le(20);
        Optional<StructureBytes> logicalVolume = Optional.empty();
        for (long i = 0; i < blocks; i++) {
            Optional<StructureBytes> any = descriptor(start + i);
            if (any.isEmpty() || any.get().u16le(0) == TAG_TERMINATING) {
                break;
            }
            if (any.get().u16le(0) == TAG_PARTITION && any.get().u32le(184) < REWRITABLE) {
                return new ClosedMark.Unusable("UDF that cannot be written to (access type %d)"
                        .formatted(any.get().u32le(184)));
            }
            if (any.get().u16le(0) == TAG_LOGICAL_VOLUME) {
                if (logicalVolume.isPresent()) {
                    return new ClosedMark.Unusable("UDF with more than one logical volume descriptor");
                }
                logicalVolume = any;
            }
        }
        if (logicalVolume.isEmpty()) {
            return new ClosedMark.Unusable("UDF without a logical volume descriptor");
        }
        StructureBytes lvd = logicalVolume.get();
        if (lvd.u32le(212) != blockBytes) { // logicalBlockSize
            return new ClosedMark.Unusable(
                    "UDF with logical blocks of %d bytes in blocks of %d".formatted(lvd.u32le(212), blockBytes));
        }
        // Metadata, virtual and sparable partitions begin with a map of type 2, which Linux mostly only reads.
        if (lvd.u32le(268) != 1 || lvd.u8(440) != 1) { // numPartitionMaps, type of the first
            return new ClosedMark.Unusable("UDF with other partition maps than a single plain one");
        }
        return integrity(lvd.u32le(432), lvd.u32le(436)); // integritySeqExt
    }

    /** The last descriptor counts; one may lead to a further extent of them. */
    private ClosedMark integrity(long lengthBytes, long firstBlock) throws IOException {
        long left = lengthBytes / blockBytes;
        long block = firstBlock;
        Optional<StructureBytes> last = Optional.empty();
        for (int i = 0; i < MOST_DESCRIPTORS && left > 0; i++) {
            Optional<StructureBytes> next = descriptor(block, TAG_INTEGRITY);
            if (next.isEmpty()) {
                break;
            }
            last = next;
            long further = next.get().u32le(32) / blockBytes; // nextIntegrityExt
            left = further > 0 ? further : left - 1;
            block = further > 0 ? next.get().u32le(36) : block + 1;
        }
        if (last.isEmpty()) {
            return new ClosedMark.Unusable("UDF without an integrity descriptor");
        }
        return last.get().u32le(28) == CLOSE // integrityType
                ? new ClosedMark.Closed()
                : new ClosedMark.Open("UDF was not closed");
    }

    private Optional<StructureBytes> descriptor(long block, int tag) throws IOException {
        return descriptor(block).filter(found -> found.u16le(0) == tag);
    }

    /** A block with a tag, ECMA-167 3/7.2, whose checksum and place are right; empty if it has none. */
    private Optional<StructureBytes> descriptor(long block) throws IOException {
        long offset = block * blockBytes;
        if (offset > volume.sizeBytes() - blockBytes) {
            return Optional.empty();
        }
        StructureBytes found = new StructureBytes("UDF descriptor", offset, volume.read(offset, blockBytes));
        int sum = 0;
        for (int at = 0; at < 16; at++) {
            sum += at == 4 ? 0 : found.u8(at);
        }
        boolean tagged = found.u16le(0) != 0 && (sum & 0xff) == found.u8(4) && found.u32le(12) == block;
        CorruptStructureException.verify(
                !tagged || crcHolds(found), "UDF descriptor", offset, "wrong checksum of a descriptor");
        return tagged ? Optional.of(found) : Optional.empty();
    }

    /** CRC-CCITT over what the tag says is there. */
    private static boolean crcHolds(StructureBytes descriptor) {
        int length = descriptor.u16le(10); // descCRCLength
        if (length > descriptor.length() - 16) {
            return false;
        }
        int crc = 0;
        for (byte value : descriptor.bytes(16, length)) {
            crc ^= (value & 0xff) << 8;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
            }
        }
        return crc == descriptor.u16le(8); // descCRC
    }
}
