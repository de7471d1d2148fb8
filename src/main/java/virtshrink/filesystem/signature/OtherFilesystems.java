package virtshrink.filesystem.signature;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static virtshrink.filesystem.signature.Signature.at;
import static virtshrink.filesystem.signature.Signature.atAny;
import static virtshrink.filesystem.signature.Signature.bytes;
import static virtshrink.filesystem.signature.Signature.join;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.signature.Signature.Details;

/** Filesystems of Apple, the BSDs, old Unix and OS/2, and of optical media. */
final class OtherFilesystems {
    private static final int KIB = 1024;
    private static final int OPTICAL_SECTOR_BYTES = 2048;
    private static final int MOST_DESCRIPTORS = 64;
    private static final long[] SYSV_SUPERBLOCKS = {512, 9 * KIB + 512, 15 * KIB + 512, 18 * KIB + 512};

    static final List<Signature> ALL = List.of(
            Signature.of("hfs", "HFS", at(KIB, "BD").when(OtherFilesystems::isHfs)),
            Signature.of(
                    "hfsplus",
                    "HFS+",
                    at(KIB, "BD").when(128, OtherFilesystems::wrapsHfsPlus),
                    at(KIB, "H+").when(64, OtherFilesystems::isHfsPlus),
                    at(KIB, "HX").when(64, OtherFilesystems::isHfsPlus)),
            Signature.of("apfs", "APFS", at(0, "NXSB").in(32).when(64, sb -> sb.u16le(24) == 1)),
            Signature.of(
                    "cs_fvault2",
                    "Apple CoreStorage",
                    at(0, "CS").in(88).when(128, sb -> sb.u16le(8) == 1 && sb.u16le(10) == 0x10 && sb.u32le(90) == 1)),
            Signature.of("udf", "UDF", volume -> isUdf(volume) ? Optional.of(Details.NONE) : Optional.empty()),
            Signature.of(
                    "iso9660",
                    "ISO 9660",
                    at(32 * KIB, "CD001")
                            .in(1)
                            .when((volume, offset) -> !isUdf(volume))
                            .named((volume, offset) -> new Details(
                                    Field.label(volume.at(offset, 128), 40, 32),
                                    "",
                                    OPTICAL_SECTOR_BYTES,
                                    Field.bytes(volume.at(offset, 128).u32le(80), OPTICAL_SECTOR_BYTES))),
                    at(32 * KIB, "CDROM").in(9)),
            Signature.of("ufs", "UFS", OtherFilesystems::ufs),
            Signature.of("hpfs", "HPFS", at(8 * KIB, bytes(0x49, 0xE8, 0x95, 0xF9))),
            Signature.of(
                    "befs",
                    "BeFS",
                    atAny(offset -> at(offset, "1SFB").in(32).when(128, sb -> sb.u32le(68) == 0xDD121031L), 0, 512)),
            Signature.of("bfs", "SCO BFS", at(0, bytes(0xCE, 0xFA, 0xAD, 0x1B)).when(16, sb -> sb.u32le(4) >= 512)),
            Signature.of(
                    "vxfs", "VxFS", at(KIB, bytes(0xF5, 0xFC, 0x01, 0xA5)), at(8 * KIB, bytes(0xA5, 0x01, 0xFC, 0xF5))),
            Signature.of(
                    "sysv",
                    "System V",
                    join(
                            atAny(
                                    offset -> at(offset, bytes(0x20, 0x7E, 0x18, 0xFD))
                                            .in(504),
                                    SYSV_SUPERBLOCKS),
                            atAny(
                                    offset -> at(offset, bytes(0xFD, 0x18, 0x7E, 0x20))
                                            .in(504),
                                    SYSV_SUPERBLOCKS))),
            Signature.of("nss", "NetWare NSS", at(4 * KIB, "SPB5")),
            Signature.of("exfs", "EXFS", at(0, "EXFS").when(512, sb -> Field.isPowerOfTwo(sb.u32be(4), 512, 65536))));

    private OtherFilesystems() {}

    private static boolean isHfs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes mdb = volume.at(offset, 128);
        long blockBytes = mdb.u32be(20);
        return !wrapsHfsPlus(mdb) && blockBytes > 0 && blockBytes % 512 == 0;
    }

    private static boolean wrapsHfsPlus(StructureBytes mdb) {
        return Set.of(0x482B, 0x4858).contains(mdb.u16be(124)) && mdb.u32be(20) % 512 == 0;
    }

    private static boolean isHfsPlus(StructureBytes header) {
        return Field.isPowerOfTwo(header.u32be(40), 512, 1 << 30) && (header.u16be(2) == 4 || header.u16be(2) == 5);
    }

    /** ECMA-167, volume recognition sequence: descriptors of 2 KiB from 32 KiB on, until one of unknown name. */
    private static boolean isUdf(VolumeWindow volume) throws IOException {
        for (int index = 0; index < MOST_DESCRIPTORS; index++) {
            StructureBytes descriptor = volume.at(32L * KIB + (long) index * OPTICAL_SECTOR_BYTES, 8);
            String id = descriptor.text(1, 5, ISO_8859_1);
            if (id.equals("NSR02") || id.equals("NSR03")) {
                return true;
            }
            if (!Set.of("BEA01", "BOOT2", "CD001", "CDW02", "TEA01").contains(id)) {
                return false;
            }
        }
        return false;
    }

    /** Magic numbers of the variants, in either byte order, in a superblock at one of four places. */
    private static Optional<Details> ufs(VolumeWindow volume) throws IOException {
        Set<Long> magics = Set.of(0x19540119L, 0x00011954L, 0x00195612L, 0x00095014L, 0x00612195L, 0x05231994L);
        for (int offset : new int[] {0, 8 * KIB, 64 * KIB, 256 * KIB}) {
            StructureBytes magic = volume.at(offset + 1372, 4);
            if (magics.contains(magic.u32le(0)) || magics.contains(magic.u32be(0))) {
                String label = magics.contains(magic.u32le(0)) && magic.u32le(0) == 0x19540119L
                        ? Field.label(volume.at(offset + 680, 32), 0, 32)
                        : "";
                return Optional.of(Details.named(label, ""));
            }
        }
        return Optional.empty();
    }
}
