package virtshrink.filesystem.ntfs;

import static virtshrink.block.CorruptStructureException.verify;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The update sequence of a {@code MULTI_SECTOR_HEADER}: the last two bytes of every 512 hold a number that changes with each write, and an
 * array in the header holds what belongs there. A structure that was written in part shows different numbers.
 */
final class UpdateSequence {
    /** Always 512, whatever the sector size. */
    static final int STRIDE_BYTES = 512;

    private UpdateSequence() {}

    /**
     * Checks the numbers and puts the true bytes back.
     *
     * @param record the whole structure, as long as its header says that it is; changed in place from its position to its limit
     * @param offsetBytes where it lies, for messages
     * @throws virtshrink.block.CorruptStructureException if the array does not fit the structure or a number differs
     */
    static void apply(String structure, long offsetBytes, ByteBuffer record) {
        ByteBuffer bytes = record.slice().order(ByteOrder.LITTLE_ENDIAN);
        int strides = bytes.remaining() / STRIDE_BYTES;
        verify(strides > 0, structure, offsetBytes, "shorter than %d bytes".formatted(STRIDE_BYTES));
        int arrayAt = bytes.getChar(0x04);
        int arrayCount = bytes.getChar(0x06);
        verify(
                arrayCount == strides + 1,
                structure,
                offsetBytes + 0x06,
                "update sequence array of %d entries, expected %d".formatted(arrayCount, strides + 1));
        verify(
                arrayAt % 2 == 0 && arrayAt >= 8 && arrayAt + arrayCount * 2 <= STRIDE_BYTES - 2,
                structure,
                offsetBytes + 0x04,
                "update sequence array at %d".formatted(arrayAt));
        char number = bytes.getChar(arrayAt);
        for (int stride = 1; stride <= strides; stride++) {
            int at = stride * STRIDE_BYTES - 2;
            if (bytes.getChar(at) != number) {
                verify(
                        false,
                        structure,
                        offsetBytes + at,
                        "update sequence number 0x%04x, expected 0x%04x: written in part"
                                .formatted((int) bytes.getChar(at), (int) number));
            }
            bytes.putChar(at, bytes.getChar(arrayAt + stride * 2));
        }
    }
}
