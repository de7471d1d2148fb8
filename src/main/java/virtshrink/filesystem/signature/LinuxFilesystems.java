package virtshrink.filesystem.signature;

import static virtshrink.filesystem.signature.Signature.at;
import static virtshrink.filesystem.signature.Signature.atAny;
import static virtshrink.filesystem.signature.Signature.bytes;
import static virtshrink.filesystem.signature.Signature.join;

import java.io.IOException;
import java.util.List;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.signature.Signature.Details;
import virtshrink.filesystem.signature.Signature.Mark;

/** Filesystems that Linux makes, except those with a reader of their own. */
final class LinuxFilesystems {
    private static final int KIB = 1024;
    private static final int BTRFS_SUPERBLOCK = 64 * KIB;
    private static final String BCACHEFS_MAGIC =
            bytes(0xC6, 0x85, 0x73, 0xF6, 0x66, 0xCE, 0x90, 0xA9, 0xD9, 0x6A, 0x60, 0xCF, 0x80, 0x3D, 0xF7, 0xEF);

    static final List<Signature> ALL = List.of(
            Signature.of(
                    "xfs",
                    "XFS",
                    at(0, "XFSB")
                            .when(512, sb -> Field.isPowerOfTwo(sb.u32be(4), 512, 65536))
                            .named(LinuxFilesystems::xfs)),
            Signature.of(
                    "xfs_external_log",
                    "XFS external log",
                    at(0, bytes(0xFE, 0xED, 0xBA, 0xBE)).when(16, log -> log.u32be(8) == 1 || log.u32be(8) == 2)),
            Signature.of(
                    "btrfs", "Btrfs", at(BTRFS_SUPERBLOCK, "_BHRfS_M").in(0x40).named(LinuxFilesystems::btrfs)),
            Signature.of(
                    "bcachefs",
                    "bcachefs",
                    bcachefs(4 * KIB),
                    bcachefs(2048 * KIB),
                    at(volume -> volume.sizeBytes() - 1024 * KIB, BCACHEFS_MAGIC)
                            .in(24)),
            Signature.of(
                    "f2fs",
                    "F2FS",
                    atAny(
                            offset -> at(offset, bytes(0x10, 0x20, 0xF5, 0xF2)).named(LinuxFilesystems::f2fs),
                            KIB,
                            5 * KIB)),
            Signature.of(
                    "jfs",
                    "JFS",
                    at(32 * KIB, "JFS1")
                            .when(192, sb -> Field.isPowerOfTwo(sb.u32le(16), 512, 65536))
                            .named((volume, offset) -> {
                                StructureBytes sb = volume.at(offset, 192);
                                return Details.named(Field.label(sb, 152, 16), Field.uuid(sb, 136));
                            })),
            Signature.of(
                    "reiserfs",
                    "ReiserFS",
                    join(
                            reiserfs("ReIsErFs", 8 * KIB, 64 * KIB),
                            reiserfs("ReIsEr2Fs", 64 * KIB),
                            reiserfs("ReIsEr3Fs", 64 * KIB))),
            Signature.of("reiser4", "Reiser4", at(64 * KIB, "ReIsEr4")),
            Signature.of(
                    "nilfs2",
                    "NILFS2",
                    at(KIB, bytes(0x34, 0x34))
                            .in(6)
                            .when(LinuxFilesystems::isNilfs)
                            .named(LinuxFilesystems::nilfs),
                    at(volume -> (volume.units(512) - 8) * 512, bytes(0x34, 0x34))
                            .in(6)
                            .when(LinuxFilesystems::isNilfs)
                            .named(LinuxFilesystems::nilfs)),
            Signature.of("ocfs2", "OCFS2", atAny(offset -> at(offset, "OCFSV2"), KIB, 2 * KIB, 4 * KIB, 8 * KIB)),
            Signature.of("ocfs", "OCFS", at(8 * KIB, "OracleCFS")),
            Signature.of("oracleasm", "Oracle ASM disk", at(32, "ORCLDISK")),
            Signature.of("gfs", "GFS", gfs(1309, 1309, "gfs")),
            Signature.of("gfs2", "GFS2", gfs(1800, 1899, "gfs2")),
            Signature.of("squashfs", "SquashFS", at(0, "hsqs").when(96, sb -> sb.u16le(28) >= 4)),
            Signature.of(
                    "squashfs3",
                    "SquashFS",
                    at(0, "hsqs").when(96, sb -> sb.u16le(28) < 4),
                    at(0, "sqsh").when(96, sb -> sb.u16be(28) < 4)),
            Signature.of(
                    "erofs", "EROFS", at(KIB, bytes(0xE2, 0xE1, 0xF5, 0xE0)).named((volume, offset) -> {
                        StructureBytes sb = volume.at(offset, 128);
                        return Details.named(Field.label(sb, 64, 16), Field.uuid(sb, 48));
                    })),
            Signature.of(
                    "cramfs",
                    "cramfs",
                    atAny(offset -> at(offset, "Compressed ROMFS").in(16), 0, 512)),
            Signature.of("romfs", "romfs", at(0, "-rom1fs-")),
            Signature.of("minix", "Minix", MinixMark.FIRST, MinixMark.THIRD),
            Signature.of("ubi", "UBI", at(0, "UBI#").when(64, ec -> ec.u8(4) == 1)),
            Signature.of("ubifs", "UBIFS", at(0, bytes(0x31, 0x18, 0x10, 0x06))),
            Signature.of("zonefs", "zonefs", at(0, "SFOZ")),
            Signature.of(
                    "scoutfs",
                    "ScoutFS",
                    at(64 * KIB, bytes(0x8B, 0x42, 0x3C, 0x10)).in(4)));

    private LinuxFilesystems() {}

    private static Details xfs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes sb = volume.at(offset, 512);
        long blockBytes = sb.u32be(4);
        return new Details(
                Field.label(sb, 108, 12), Field.uuid(sb, 32), blockBytes, Field.bytes(sb.i64be(8), blockBytes));
    }

    private static Details btrfs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes sb = volume.at(offset, 0x22B);
        return new Details(
                Field.label(sb, 0x12B, 256), Field.uuid(sb, 0x20), sb.u32le(0x90), Math.max(sb.i64le(0x70), 0));
    }

    private static Mark bcachefs(long offset) {
        return at(offset, BCACHEFS_MAGIC).in(24).named((volume, at) -> {
            StructureBytes sb = volume.at(at, 128);
            return Details.named(Field.label(sb, 72, 32), Field.uuid(sb, 56));
        });
    }

    private static Details f2fs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes sb = volume.at(offset, 0x47C);
        long logBlockBytes = sb.u32le(16);
        long blockBytes = logBlockBytes >= 9 && logBlockBytes <= 16 ? 1L << logBlockBytes : 0;
        return new Details(
                Field.wideLabel(sb, 0x7C, 1024),
                Field.uuid(sb, 0x6C),
                blockBytes,
                Field.bytes(sb.i64le(0x24), blockBytes));
    }

    private static Mark[] reiserfs(String magic, long... offsets) {
        return atAny(
                offset -> at(offset, magic).in(52).named((volume, at) -> {
                    StructureBytes sb = volume.at(at, 128);
                    return Details.named(Field.label(sb, 100, 16), Field.uuid(sb, 84));
                }),
                offsets);
    }

    // Two bytes are no proof: s_rev_level, s_bytes and s_log_block_size must make sense as well.
    private static boolean isNilfs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes sb = volume.at(offset, 256);
        return sb.u32le(0) >= 1
                && sb.u32le(0) <= 2
                && sb.u16le(8) >= 20
                && sb.u16le(8) <= 1024
                && sb.u32le(20) <= 6
                && sb.i64le(24) > 0;
    }

    private static Details nilfs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes sb = volume.at(offset, 256);
        return Details.named(Field.label(sb, 168, 80), Field.uuid(sb, 152));
    }

    private static Mark gfs(long leastFormat, long mostFormat, String name) {
        return at(64 * KIB, bytes(0x01, 0x16, 0x19, 0x70))
                .when(512, sb -> sb.u32be(24) >= leastFormat && sb.u32be(24) <= mostFormat)
                .named((volume, offset) -> {
                    StructureBytes sb = volume.at(offset, 512);
                    return Details.named(Field.label(sb, 160, 64), name.equals("gfs2") ? Field.uuid(sb, 256) : "");
                });
    }
}
