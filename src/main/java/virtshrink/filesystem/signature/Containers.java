package virtshrink.filesystem.signature;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static virtshrink.filesystem.signature.Signature.at;
import static virtshrink.filesystem.signature.Signature.atAny;
import static virtshrink.filesystem.signature.Signature.bytes;
import static virtshrink.filesystem.signature.Signature.join;

import java.io.IOException;
import java.util.List;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.signature.Signature.Details;
import virtshrink.filesystem.signature.Signature.Mark;

/** What holds volumes rather than files: volume groups, encryption, pools, caches, replication, verification. */
final class Containers {
    private static final int KIB = 1024;
    private static final int MIB = 1024 * KIB;
    static final String VERITY_MAGIC = "verity\0\0";

    static final List<Signature> ALL = List.of(
            Signature.of(
                    "LVM2_member",
                    "LVM physical volume",
                    atAny(
                            sector -> at(sector, "LVM2 001")
                                    .in(24)
                                    .when(8, label -> label.matches(0, "LABELONE".getBytes(US_ASCII)))
                                    .named(Containers::lvm),
                            0,
                            512,
                            1024,
                            1536)),
            Signature.of("LVM1_member", "LVM1 physical volume", at(0, "HM\u0001\0"), at(0, "HM\u0002\0")),
            Signature.of("DM_snapshot_cow", "device-mapper snapshot", at(0, "SnAp\u0001\0\0\0"), at(0, "SnAp\0\0\0\0")),
            Signature.of(
                    "DM_verity_hash",
                    "dm-verity hash tree",
                    at(0, VERITY_MAGIC)
                            .named((volume, offset) -> Details.named("", Field.uuid(volume.at(offset, 64), 16)))),
            Signature.of("DM_integrity", "dm-integrity", at(0, "integrt\0")),
            Signature.of("avb_vbmeta", "Android Verified Boot", at(0, "AVB0").when(8, header -> header.u32be(4) == 1)),
            Signature.of(
                    "avb_footer",
                    "Android Verified Boot",
                    at(volume -> volume.sizeBytes() - 64, "AVBf").when(8, footer -> footer.u32be(4) == 1)),
            Signature.of(
                    "crypto_LUKS",
                    "LUKS encryption",
                    join(
                            atAny(
                                    offset -> at(offset, "LUKS\u00ba\u00be")
                                            .when(8, header -> header.u16be(6) == 1 || header.u16be(6) == 2)
                                            .named(Containers::luks),
                                    0),
                            // The second header of LUKS2, of use where the first is lost.
                            atAny(
                                    offset -> at(offset, "SKUL\u00ba\u00be")
                                            .when(512, header -> header.i64be(256) == offset)
                                            .named(Containers::luks),
                                    16 * KIB,
                                    32 * KIB,
                                    64 * KIB,
                                    128 * KIB,
                                    256 * KIB,
                                    512 * KIB,
                                    MIB,
                                    2 * MIB,
                                    4 * MIB))),
            Signature.of("zfs_member", "ZFS", zfsLabels()),
            Signature.of(
                    "bcache",
                    "bcache",
                    at(
                                    4 * KIB,
                                    bytes(
                                            0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F,
                                            0x48, 0xBA, 0x6D, 0x81))
                            .in(24)
                            .named((volume, offset) -> {
                                StructureBytes sb = volume.at(offset, 128);
                                return Details.named(Field.label(sb, 72, 32), Field.uuid(sb, 40));
                            })),
            Signature.of(
                    "drbd",
                    "DRBD",
                    join(
                            drbd(bytes(0x83, 0x74, 0x02, 0x6B)),
                            drbd(bytes(0x83, 0x74, 0x02, 0x6C)),
                            drbd(bytes(0x83, 0x74, 0x02, 0x6D)))),
            Signature.of("drbdmanage_control_volume", "DRBD Manage", at(0, "$DRBDmgr=q")),
            Signature.of("drbdproxy_datalog", "DRBD Proxy", at(0, "DRBDdlh*")),
            Signature.of(
                    "stratis",
                    "Stratis",
                    atAny(
                            offset -> at(offset, "!Stra0tis\u0086\u00ff\u0002^Arh")
                                    .in(4),
                            512,
                            4608)),
            Signature.of("vdo", "VDO", at(0, "dmvdo001")),
            Signature.of("ceph_bluestore", "Ceph BlueStore", at(0, "bluestore block device")),
            Signature.of("mpool", "mpool", at(0, "mpoolDev")),
            Signature.of("VMFS", "VMFS", at(2 * MIB, bytes(0x5E, 0xF1, 0xAB, 0x2F))),
            Signature.of("VMFS_volume_member", "VMFS", at(MIB, bytes(0x0D, 0xD0, 0x01, 0xC0))),
            Signature.of("ldm", "Windows dynamic disk", at(6 * 512, "PRIVHEAD")),
            Signature.of(
                    "geom",
                    "FreeBSD GEOM class",
                    at(Signature.sectorsBeforeEnd(1), "GEOM::"),
                    at(volume -> (volume.units(4096) - 1) * 4096, "GEOM::")));

    private Containers() {}

    /** The identifier behind the label, in groups of 6, 4, 4, 4, 4, 4 and 6. */
    private static Details lvm(VolumeWindow volume, long offset) throws IOException {
        String id = volume.at(offset, 64).text(32, 32, US_ASCII);
        return Details.named("", id.replaceFirst("(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})", "$1-$2-$3-$4-$5-$6-$7"));
    }

    private static Details luks(VolumeWindow volume, long offset) throws IOException {
        StructureBytes header = volume.at(offset, 256);
        String label = header.u16be(6) == 2 ? Field.label(header, 24, 48) : "";
        return Details.named(label, Field.label(header, 168, 40));
    }

    /** Four labels, two at either end, each with a list of names and values in XDR. */
    private static Mark[] zfsLabels() {
        int labelBytes = 256 * KIB;
        int listInLabel = 16 * KIB;
        return new Mark[] {
            zfsList(volume -> listInLabel),
            zfsList(volume -> labelBytes + listInLabel),
            zfsList(volume -> (volume.units(labelBytes) - 2) * labelBytes + listInLabel),
            zfsList(volume -> (volume.units(labelBytes) - 1) * labelBytes + listInLabel)
        };
    }

    private static Mark zfsList(Signature.Place place) {
        // nvs_header_t: XDR encoding, either byte order, two bytes reserved; then the list's version 0 and the flag for
        // unique names.
        Signature.Check header = (volume, offset) -> {
            StructureBytes list = volume.at(offset, 12);
            return list.u8(1) <= 1 && list.u16be(2) == 0 && list.u32be(4) == 0 && list.u32be(8) == 1;
        };
        return at(place, bytes(0x01)).when(header);
    }

    private static Mark[] drbd(String magic) {
        Signature.Place lastBlock = volume -> (volume.units(4096) - 1) * 4096;
        Signature.Place atEnd = volume -> volume.sizeBytes() - 4096;
        return new Mark[] {
            at(lastBlock, magic).in(60).when(96, metadata -> metadata.u32be(80) == 4096),
            at(atEnd, magic).in(60).when(96, metadata -> metadata.u32be(80) == 4096)
        };
    }
}
