package virtshrink.filesystem.xfs;

import java.util.UUID;
import virtshrink.block.StructureBytes;

/**
 * The header of a record in the log ({@code xlog_rec_header}), big-endian unless said otherwise.
 *
 * @param cycle {@code h_cycle}
 * @param version {@code h_version}: 1, or 2 for records of up to 256 KiB
 * @param lengthBytes {@code h_len}: of the data behind the headers
 * @param lsn {@code h_lsn}: where the record itself lies
 * @param tailLsn {@code h_tail_lsn}: from where recovery would have to begin
 * @param crc {@code h_crc}, little-endian; 0: none
 * @param operations {@code h_num_logops}
 * @param firstWord {@code h_cycle_data[0]}: the first four bytes of the data, whose place the cycle number takes
 * @param format {@code h_fmt}: byte order of the host that wrote the record
 * @param sizeBytes {@code h_size}: of the writer's buffers, which decides how many headers there are
 */
record XlogRecHeader(
        long cycle,
        long version,
        long lengthBytes,
        XfsLsn lsn,
        XfsLsn tailLsn,
        int crc,
        long operations,
        int firstWord,
        long format,
        UUID uuid,
        long sizeBytes) {
    static final String STRUCTURE = "xlog_rec_header";
    static final int MAGIC = 0xFEEDBABE;
    static final int CRC_AT = 32;
    /** What the checksum covers of the header: all its fields, and as the compiler of a 64-bit host pads them. */
    static final int PADDED_BYTES = 328;

    static final int UNPADDED_BYTES = 324;
    /** Of each further header in front of the data. */
    static final int EXTENDED_BYTES = 260;

    private static final int CYCLE_DATA_BYTES = 32 << 10;

    static XlogRecHeader parse(StructureBytes bytes) {
        return new XlogRecHeader(
                bytes.u32be(4),
                bytes.u32be(8),
                bytes.u32be(12),
                XfsLsn.of(bytes.i64be(16)),
                XfsLsn.of(bytes.i64be(24)),
                (int) bytes.u32le(CRC_AT),
                bytes.u32be(40),
                (int) bytes.u32be(44),
                bytes.u32be(300),
                XfsSuperblock.uuid(bytes, 304),
                bytes.u32be(320));
    }

    /** Blocks of 512 bytes that the headers take, this one included. */
    long headerBlocks() {
        return version == 2 && sizeBytes > CYCLE_DATA_BYTES ? (sizeBytes + CYCLE_DATA_BYTES - 1) / CYCLE_DATA_BYTES : 1;
    }

    /** Blocks of 512 bytes that the whole record takes. */
    long blocks() {
        return headerBlocks() + (lengthBytes + XfsLog.BASIC_BLOCK_BYTES - 1) / XfsLog.BASIC_BLOCK_BYTES;
    }
}
