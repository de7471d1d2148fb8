package virtshrink.filesystem.signature;

import static virtshrink.filesystem.signature.Signature.at;
import static virtshrink.filesystem.signature.Signature.bytes;
import static virtshrink.filesystem.signature.Signature.sectorsBeforeEnd;

import java.util.Arrays;
import java.util.List;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.signature.Signature.Check;
import virtshrink.filesystem.signature.Signature.Details;
import virtshrink.filesystem.signature.Signature.Magic;
import virtshrink.filesystem.signature.Signature.Mark;
import virtshrink.filesystem.signature.Signature.Place;

/** Members of Linux software RAID and of the RAID of mainboards and cheap controllers, most of them marked at the end. */
final class RaidMembers {
    private static final String MD_LITTLE = bytes(0xFC, 0x4E, 0x2B, 0xA9);
    private static final String MD_BIG = bytes(0xA9, 0x2B, 0x4E, 0xFC);
    private static final int MD_RESERVED_BYTES = 64 << 10;
    /** Where Promise controllers of different times kept their sector, counted from the end. */
    private static final int[] PROMISE_SECTORS = {63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087};

    static final List<Signature> ALL = List.of(
            Signature.of(
                    "linux_raid_member",
                    "Linux RAID member",
                    md1(volume -> 0),
                    md1(volume -> 4096),
                    md1(volume -> (volume.units(4096) - 2) * 4096),
                    md0(MD_LITTLE)
                            .when(16, sb -> sb.u32le(4) == 0 && sb.u32le(8) <= 99)
                            .named((volume, offset) -> Details.named("", md0Uuid(volume.at(offset, 64), false))),
                    md0(MD_BIG)
                            .when(16, sb -> sb.u32be(4) == 0 && sb.u32be(8) <= 99)
                            .named((volume, offset) -> Details.named("", md0Uuid(volume.at(offset, 64), true)))),
            Signature.of("ddf_raid_member", "DDF RAID member", ddf(1), ddf(257)),
            Signature.of(
                    "isw_raid_member",
                    "Intel RAID member",
                    at(sectorsBeforeEnd(2), "Intel Raid ISM Cfg Sig. "),
                    at(volume -> (volume.units(4096) - 2) * 4096, "Intel Raid ISM Cfg Sig. ")),
            Signature.of("lsi_mega_raid_member", "LSI RAID member", at(sectorsBeforeEnd(1), "$XIDE$")),
            Signature.of(
                    "nvidia_raid_member",
                    "NVIDIA RAID member",
                    at(sectorsBeforeEnd(2), "NVIDIA  ").when(12, sb -> sb.u32le(8) == 30)),
            Signature.of("promise_fasttrack_raid_member", "Promise RAID member", promise()),
            Signature.of(
                    "silicon_medley_raid_member",
                    "Silicon Image RAID member",
                    at(sectorsBeforeEnd(1), bytes(0, 0, 0, 0x2F)).in(0x60).when(512, RaidMembers::isSilicon)),
            Signature.of(
                    "via_raid_member",
                    "VIA RAID member",
                    at(sectorsBeforeEnd(1), bytes(0x55, 0xAA)).when(51, RaidMembers::isVia)),
            Signature.of(
                    "jmicron_raid_member",
                    "JMicron RAID member",
                    at(sectorsBeforeEnd(1), "JM").when(128, RaidMembers::isJmicron)),
            Signature.of(
                    "adaptec_raid_member",
                    "Adaptec RAID member",
                    at(sectorsBeforeEnd(1), bytes(0x37, 0xFC, 0x4D, 0x1E))
                            .when(512, sb -> sb.u32be(256) == 0x4450544DL)),
            Signature.of(
                    "hpt37x_raid_member",
                    "HighPoint RAID member",
                    at(4640, bytes(0xF0, 0x16, 0x78, 0x5A)),
                    at(4640, bytes(0xFD, 0x16, 0x78, 0x5A))),
            Signature.of(
                    "hpt45x_raid_member",
                    "HighPoint RAID member",
                    at(sectorsBeforeEnd(11), bytes(0xF3, 0x16, 0x78, 0x5A)),
                    at(sectorsBeforeEnd(11), bytes(0xFD, 0x16, 0x78, 0x5A))));

    private RaidMembers() {}

    /** Version 1 metadata name their own sector, which tells them from copies of them in somebody's files. */
    private static Mark md1(Place place) {
        Check ownPlace = (volume, offset) -> {
            StructureBytes sb = volume.at(offset, 256);
            return sb.u32le(4) == 1 && sb.i64le(144) == offset / 512;
        };
        return at(place, MD_LITTLE).when(ownPlace).named((volume, offset) -> {
            StructureBytes sb = volume.at(offset, 256);
            return Details.named(Field.label(sb, 32, 32), Field.uuid(sb, 16));
        });
    }

    /** Version 0.90: in the last 64 KiB that are aligned to themselves. */
    private static Magic md0(String magic) {
        return at(volume -> (volume.units(MD_RESERVED_BYTES) - 1) * MD_RESERVED_BYTES, magic);
    }

    private static String md0Uuid(StructureBytes sb, boolean bigEndian) {
        StringBuilder uuid = new StringBuilder();
        for (int at : new int[] {20, 52, 56, 60}) {
            uuid.append("%08x".formatted(bigEndian ? sb.u32be(at) : sb.u32le(at)));
        }
        return uuid.insert(20, '-')
                .insert(16, '-')
                .insert(12, '-')
                .insert(8, '-')
                .toString();
    }

    private static Mark ddf(int sectors) {
        // The revision is text: "01.00.00", "02.00.00".
        return at(sectorsBeforeEnd(sectors), bytes(0xDE, 0x11, 0xDE, 0x11))
                .when(64, header -> header.u8(32) == '0' && header.u8(34) == '.');
    }

    private static Mark[] promise() {
        return Arrays.stream(PROMISE_SECTORS)
                .mapToObj(sectors -> at(sectorsBeforeEnd(sectors), "Promise Technology, Inc."))
                .toArray(Mark[]::new);
    }

    private static boolean isSilicon(StructureBytes sb) {
        int checksum1 = 0x13E;
        return sb.u8(0x116) < 8 && ((sum16(sb, checksum1) + sb.u16le(checksum1)) & 0xFFFF) == 0;
    }

    private static boolean isVia(StructureBytes sb) {
        int sum = 0;
        for (int at = 0; at < 50; at++) {
            sum += sb.u8(at);
        }
        return sb.u8(2) <= 2 && (sum & 0xFF) == sb.u8(50);
    }

    private static boolean isJmicron(StructureBytes sb) {
        return sb.u8(0x30) <= 5 && (sum16(sb, 128) & 0xFFFF) <= 1;
    }

    private static int sum16(StructureBytes sb, int lengthBytes) {
        int sum = 0;
        for (int at = 0; at < lengthBytes; at += 2) {
            sum += sb.u16le(at);
        }
        return sum;
    }
}
