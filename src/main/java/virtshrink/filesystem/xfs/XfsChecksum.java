package virtshrink.filesystem.xfs;

import java.nio.ByteBuffer;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/** The checksum of version 5: CRC-32C of the whole structure with its own field taken as zero, inverted, stored little-endian. */
final class XfsChecksum {
    private static final byte[] ZERO_FIELD = new byte[Integer.BYTES];

    private XfsChecksum() {}

    /**
     * Checks a structure against the checksum in it.
     *
     * @throws virtshrink.block.CorruptStructureException if the checksum does not fit
     */
    static void verify(StructureBytes structure, int checksumAt) {
        byte[] content = structure.bytes(0, structure.length());
        int stored = (int) structure.u32le(checksumAt);
        int computed = of(ByteBuffer.wrap(content), checksumAt);
        if (stored != computed) {
            throw structure.corrupt(
                    checksumAt, "checksum 0x%08x does not match the content's 0x%08x".formatted(stored, computed));
        }
    }

    /** The checksum that the buffer's remaining bytes should have. */
    static int of(ByteBuffer content, int checksumAt) {
        int start = content.position();
        int crc = Crc32c.update(-1, content.slice(start, checksumAt));
        crc = Crc32c.update(crc, ZERO_FIELD);
        int after = checksumAt + Integer.BYTES;
        return ~Crc32c.update(crc, content.slice(start + after, content.remaining() - after));
    }
}
