package virtshrink.filesystem.xfs;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The superblock ({@code xfs_dsb}), with the fields that matter for where things lie. Big-endian, at the start of every allocation group; the
 * first one counts.
 *
 * @param blockBytes {@code sb_blocksize}
 * @param dblocks {@code sb_dblocks}: blocks in the filesystem, its last group may be short
 * @param uuid {@code sb_uuid}, what users see
 * @param metaUuid what metadata of version 5 carries
 * @param logstart {@code sb_logstart}: the group in the upper bits, the block in it in the lower {@code agblklog}; 0: the log is elsewhere
 * @param rootino {@code sb_rootino}
 * @param agblocks {@code sb_agblocks}: blocks of a group
 * @param agcount {@code sb_agcount}: number of groups
 * @param logblocks {@code sb_logblocks}: length of the log
 * @param sectorBytes {@code sb_sectsize}: each of the four headers of a group takes as much
 * @param inodeBytes {@code sb_inodesize}
 * @param label {@code sb_fname}
 * @param inopblog {@code sb_inopblog}: binary logarithm of the inodes in a block
 * @param agblklog {@code sb_agblklog}: bits of a block number within its group
 * @param lsn {@code sb_lsn} of version 5, otherwise 0
 */
record XfsSuperblock(
        int blockBytes,
        long dblocks,
        boolean hasRealtime,
        UUID uuid,
        UUID metaUuid,
        long logstart,
        long rootino,
        long agblocks,
        long agcount,
        long logblocks,
        int sectorBytes,
        int inodeBytes,
        String label,
        int inopblog,
        int agblklog,
        boolean inProgress,
        long icount,
        long ifree,
        long fdblocks,
        int flags,
        boolean features2Differ,
        XfsFeatures features,
        XfsLsn lsn) {
    static final String STRUCTURE = "xfs_dsb";
    static final int MAGIC = 0x58465342;
    static final int BLOCKSIZE_AT = 4;
    static final int SECTSIZE_AT = 102;
    static final int LEAST_SECTOR_BYTES = 512;
    static final int MOST_SECTOR_BYTES = 32768;
    static final int LEAST_BLOCK_BYTES = 512;
    static final int MOST_BLOCK_BYTES = 65536;
    private static final int CRC_AT = 224;
    private static final int LSN_AT = 240;

    private static final int INODES_PER_CHUNK = 64;
    private static final long LEAST_AG_BYTES = 16L << 20;
    private static final long MOST_AG_BYTES = 1L << 40;
    private static final long LEAST_AG_BLOCKS = 64;
    private static final long MOST_LOG_BLOCKS = 1 << 20;
    private static final long MOST_LOG_BYTES = (2L << 30) - (10L << 20);
    private static final long MOST_LOG_RECORD_BYTES = 256 << 10;
    private static final long LEAST_RT_EXTENT_BYTES = 4 << 10;
    private static final long MOST_RT_EXTENT_BYTES = 1L << 30;

    /**
     * Takes the fields apart.
     *
     * @param bytes one sector, of the size that the superblock itself gives
     * @throws virtshrink.block.CorruptStructureException if the checksum or a field contradicts the rest
     */
    static XfsSuperblock parse(StructureBytes bytes) {
        long magicnum = bytes.u32be(0);
        long blocksize = bytes.u32be(BLOCKSIZE_AT);
        long dblocks = bytes.i64be(8);
        long rblocks = bytes.i64be(16);
        long rextents = bytes.i64be(24);
        UUID uuid = uuid(bytes, 32);
        long logstart = bytes.i64be(48);
        long rootino = bytes.i64be(56);
        long rextsize = bytes.u32be(80);
        long agblocks = bytes.u32be(84);
        long agcount = bytes.u32be(88);
        long rbmblocks = bytes.u32be(92);
        long logblocks = bytes.u32be(96);
        int versionnum = bytes.u16be(100);
        int sectsize = bytes.u16be(SECTSIZE_AT);
        int inodesize = bytes.u16be(104);
        int inopblock = bytes.u16be(106);
        String fname = bytes.text(108, 12, StandardCharsets.UTF_8).stripTrailing();
        int blocklog = bytes.u8(120);
        int sectlog = bytes.u8(121);
        int inodelog = bytes.u8(122);
        int inopblog = bytes.u8(123);
        int agblklog = bytes.u8(124);
        int inprogress = bytes.u8(126);
        int imaxPct = bytes.u8(127);
        long icount = bytes.i64be(128);
        long ifree = bytes.i64be(136);
        long fdblocks = bytes.i64be(144);
        int flags = bytes.u8(178);
        int sharedVn = bytes.u8(179);
        long inoalignmt = bytes.u32be(180);
        long unit = bytes.u32be(184);
        long width = bytes.u32be(188);
        int dirblklog = bytes.u8(192);
        int logsectlog = bytes.u8(193);
        int logsectsize = bytes.u16be(194);
        long logsunit = bytes.u32be(196);
        long features2 = bytes.u32be(200);
        long badFeatures2 = bytes.u32be(204);
        boolean v5 = (versionnum & 0xf) == XfsFeatures.VERSION_5;
        XfsFeatures features = new XfsFeatures(
                versionnum,
                features2,
                v5 ? bytes.u32be(208) : 0,
                v5 ? bytes.u32be(212) : 0,
                v5 ? bytes.u32be(216) : 0,
                v5 ? bytes.u32be(220) : 0);
        XfsLsn lsn = XfsLsn.of(v5 ? bytes.i64be(LSN_AT) : 0);
        UUID metaUuid = features.hasIncompat(XfsFeatures.INCOMPAT_META_UUID) ? uuid(bytes, 248) : uuid;

        require(magicnum == MAGIC, bytes, 0, () -> "magic number 0x%x, expected 0x%x".formatted(magicnum, MAGIC));
        require(
                isPowerOf(sectsize, sectlog, LEAST_SECTOR_BYTES, MOST_SECTOR_BYTES),
                bytes,
                SECTSIZE_AT,
                () -> "sector size %d, its logarithm %d".formatted(sectsize, sectlog));
        if (v5) {
            XfsChecksum.verify(bytes, CRC_AT);
        }
        require(
                isPowerOf(blocksize, blocklog, v5 ? 1024 : LEAST_BLOCK_BYTES, MOST_BLOCK_BYTES),
                bytes,
                BLOCKSIZE_AT,
                () -> "block size %d, its logarithm %d".formatted(blocksize, blocklog));
        // Nobody makes it, and a last group of so many sectors would not hold its own headers.
        require(
                sectsize <= blocksize,
                bytes,
                SECTSIZE_AT,
                () -> "sectors of %d bytes in blocks of %d".formatted(sectsize, blocksize));
        require(
                isPowerOf(inodesize, inodelog, 256, Math.min(2048, blocksize))
                        && inopblock == blocksize / inodesize
                        && inopblog == blocklog - inodelog,
                bytes,
                104,
                () -> "inode size %d, its logarithm %d, %d in a block, its logarithm %d"
                        .formatted(inodesize, inodelog, inopblock, inopblog));
        long agBytes = agblocks * blocksize;
        require(
                agBytes >= LEAST_AG_BYTES && agBytes <= MOST_AG_BYTES && agblklog == ceilingLog(agblocks),
                bytes,
                84,
                () -> "allocation groups of %d blocks, their logarithm %d".formatted(agblocks, agblklog));
        require(
                agcount > 0 && dblocks <= agcount * agblocks && dblocks >= (agcount - 1) * agblocks + LEAST_AG_BLOCKS,
                bytes,
                8,
                () -> "%d blocks in %d allocation groups of %d".formatted(dblocks, agcount, agblocks));
        require(
                imaxPct <= 100 && sharedVn == 0 && dirblklog + blocklog <= 16,
                bytes,
                127,
                () -> "imax_pct %d, shared_vn %d, dirblklog %d".formatted(imaxPct, sharedVn, dirblklog));
        require(
                !features.hasIncompat(XfsFeatures.INCOMPAT_SPINODES)
                        || inoalignmt == (long) INODES_PER_CHUNK * inodesize / blocksize,
                bytes,
                180,
                () -> "inodes aligned to %d blocks, which does not fit sparse inodes".formatted(inoalignmt));
        require(
                features.has(XfsFeatures.DALIGN) ? unit != 0 && width % unit == 0 : unit == 0 && width == 0,
                bytes,
                184,
                () -> "stripe unit %d and width %d do not fit".formatted(unit, width));
        require(
                logblocks <= MOST_LOG_BLOCKS && logblocks * blocksize <= MOST_LOG_BYTES,
                bytes,
                96,
                () -> "log of %d blocks".formatted(logblocks));
        require(
                features.has(XfsFeatures.SECTOR)
                        ? isPowerOf(logsectsize, logsectlog, LEAST_SECTOR_BYTES, MOST_SECTOR_BYTES)
                        : logsectsize == 0 && logsectlog == 0,
                bytes,
                194,
                () -> "sector size %d of the log, its logarithm %d".formatted(logsectsize, logsectlog));
        require(
                logsunit <= 1 || (logsunit % blocksize == 0 && logsunit <= MOST_LOG_RECORD_BYTES),
                bytes,
                196,
                () -> "stripe unit %d of the log".formatted(logsunit));
        require(
                rextsize * blocksize >= LEAST_RT_EXTENT_BYTES && rextsize * blocksize <= MOST_RT_EXTENT_BYTES,
                bytes,
                80,
                () -> "realtime extents of %d blocks".formatted(rextsize));
        return new XfsSuperblock(
                (int) blocksize,
                dblocks,
                rblocks != 0 || rextents != 0 || rbmblocks != 0,
                uuid,
                metaUuid,
                logstart,
                rootino,
                agblocks,
                agcount,
                logblocks,
                sectsize,
                inodesize,
                fname,
                inopblog,
                agblklog,
                inprogress != 0,
                icount,
                ifree,
                fdblocks,
                flags,
                badFeatures2 != features2,
                features,
                lsn);
    }

    /**
     * Holds a copy at the start of a later group against this superblock. Counters, inode numbers, labels and feature words of copies may be older or missing, and
     * {@code sb_inprogress} is left set in them.
     *
     * @throws virtshrink.block.CorruptStructureException if they do not describe the same filesystem
     */
    void verifyCopy(StructureBytes copy) {
        if (features.isV5()) {
            XfsChecksum.verify(copy, CRC_AT);
        }
        require(
                copy.u32be(0) == MAGIC
                        && copy.u32be(BLOCKSIZE_AT) == blockBytes
                        && copy.i64be(8) == dblocks
                        && copy.i64be(48) == logstart
                        && copy.u32be(84) == agblocks
                        && copy.u32be(88) == agcount
                        && copy.u32be(96) == logblocks
                        && (copy.u16be(100) & 0xf) == features.version()
                        && copy.u16be(SECTSIZE_AT) == sectorBytes
                        && copy.u16be(104) == inodeBytes,
                copy,
                0,
                () -> "this copy of the superblock describes another filesystem than the first one");
    }

    /**
     * Checks that the log knows of this state.
     *
     * @throws virtshrink.block.CorruptStructureException if this was written later than where the log ends
     */
    void verifyWrittenBefore(XfsLsn logEnd) {
        if (features.isV5() && logEnd.isBefore(lsn)) {
            throw new CorruptStructureException(
                    STRUCTURE, LSN_AT, "written at %s of the log, which ends at %s".formatted(lsn, logEnd));
        }
    }

    /** What the superblock alone knows of a guest, or a tool, that did not finish. */
    Optional<String> whyDirty() {
        return inProgress ? Optional.of("mkfs.xfs did not finish") : features.whyDirty();
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        Optional<String> feature = features.whyUnsupported();
        if (feature.isPresent()) {
            return feature;
        } else if (hasRealtime) {
            return Optional.of("it has a realtime device");
        } else if (logstart == 0) {
            return Optional.of("its log lies on another device");
        } else if (flags != 0) {
            return Optional.of("unknown flags 0x%x in sb_flags".formatted(flags));
        } else if (features2Differ) {
            return Optional.of("sb_features2 and sb_bad_features2 differ: mount it once with a current kernel");
        }
        return Optional.empty();
    }

    /** As users see it; empty if it is all zero. */
    String uuidText() {
        return uuid.getMostSignificantBits() == 0 && uuid.getLeastSignificantBits() == 0 ? "" : uuid.toString();
    }

    static UUID uuid(StructureBytes bytes, int at) {
        return new UUID(bytes.i64be(at), bytes.i64be(at + 8));
    }

    private static boolean isPowerOf(long value, int log, long least, long most) {
        return value >= least && value <= most && log < 32 && value == 1L << log;
    }

    /** Bits that every number below this one fits into. */
    private static int ceilingLog(long number) {
        return Long.SIZE - Long.numberOfLeadingZeros(number - 1);
    }

    private static void require(boolean condition, StructureBytes bytes, int at, Supplier<String> reason) {
        if (!condition) {
            throw bytes.corrupt(at, reason.get());
        }
    }
}
