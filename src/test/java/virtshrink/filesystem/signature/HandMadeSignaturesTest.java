package virtshrink.filesystem.signature;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.MemoryDisk;

/** Formats whose tools are not at hand: the few bytes they are known by, written from their descriptions. */
class HandMadeSignaturesTest {
    private static final int KIB = 1024;
    private static final int MIB = 1024 * KIB;
    private static final int SIZE = 8 * MIB;

    @TempDir
    Path directory;

    static Stream<Arguments> formats() {
        return Stream.of(
                made("ReFS", disk -> disk.put(3, "ReFS\0")),
                made("BitLocker", disk -> disk.put(0, 0xEB, 0x58, 0x90).put(3, "-FVE-FS-")),
                made(
                        "BitLocker",
                        disk -> disk.put(0, 0xEB, 0x58, 0x90)
                                .put(3, "MSWIN4.1")
                                .put(11, 0, 2, 8, 1, 0, 2, 0, 2, 0, 0, 0xF8, 4, 0)
                                .put(424, 0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A)
                                .u16le(510, 0xAA55)),
                made("xfs_external_log", disk -> disk.u32be(0, 0xFEEDBABEL).u32be(8, 2)),
                made("bcachefs", disk -> disk.put(4 * KIB + 24, bcachefs())),
                made("bcachefs", disk -> disk.put(2 * MIB + 24, bcachefs())),
                made("bcachefs", disk -> disk.put(SIZE - MIB + 24, bcachefs())),
                made(
                        "bcache",
                        disk -> disk.put(
                                4 * KIB + 24,
                                0xC6,
                                0x85,
                                0x73,
                                0xF6,
                                0x4E,
                                0x1A,
                                0x45,
                                0xCA,
                                0x82,
                                0x65,
                                0xF5,
                                0x7F,
                                0x48,
                                0xBA,
                                0x6D,
                                0x81)),
                made("jfs", disk -> disk.put(32 * KIB, "JFS1").u32le(32 * KIB + 16, 4096)),
                made("reiserfs", disk -> disk.put(64 * KIB + 52, "ReIsEr3Fs")),
                made("reiserfs", disk -> disk.put(8 * KIB + 52, "ReIsErFs")),
                made("reiser4", disk -> disk.put(64 * KIB, "ReIsEr4")),
                made("nilfs2", disk -> nilfs(disk, KIB)),
                made("nilfs2", disk -> nilfs(disk, SIZE - 4 * KIB)),
                made("ocfs2", disk -> disk.put(2 * KIB, "OCFSV2")),
                made("ocfs", disk -> disk.put(8 * KIB, "OracleCFS")),
                made("oracleasm", disk -> disk.put(32, "ORCLDISK")),
                made("gfs2", disk -> disk.u32be(64 * KIB, 0x01161970).u32be(64 * KIB + 24, 1801)),
                made("gfs", disk -> disk.u32be(64 * KIB, 0x01161970).u32be(64 * KIB + 24, 1309)),
                made("squashfs3", disk -> disk.put(0, "sqsh").put(28, 0, 3)),
                made("squashfs3", disk -> disk.put(0, "hsqs").put(28, 3, 0)),
                made("erofs", disk -> disk.u32le(KIB, 0xE0F5E1E2L)),
                made("romfs", disk -> disk.put(0, "-rom1fs-")),
                made("ubi", disk -> disk.put(0, "UBI#\u0001")),
                made("ubifs", disk -> disk.u32le(0, 0x06101831)),
                made("zonefs", disk -> disk.put(0, "SFOZ")),
                made("scoutfs", disk -> disk.put(64 * KIB + 4, 0x8B, 0x42, 0x3C, 0x10)),
                made("hfs", disk -> disk.put(KIB, "BD").u32be(KIB + 20, 4096)),
                made(
                        "hfsplus",
                        disk -> disk.put(KIB, "BD").u32be(KIB + 20, 4096).put(KIB + 124, "H+")),
                made("hfsplus", disk -> disk.put(KIB, "H+").put(KIB + 2, 0, 4).u32be(KIB + 40, 4096)),
                made("hfsplus", disk -> disk.put(KIB, "HX").put(KIB + 2, 0, 5).u32be(KIB + 40, 4096)),
                made("apfs", disk -> disk.put(32, "NXSB").u16le(24, 1)),
                made(
                        "cs_fvault2",
                        disk -> disk.put(88, "CS").u16le(8, 1).u16le(10, 0x10).u32le(90, 1)),
                made("iso9660", disk -> disk.put(32 * KIB + 1, "CD001")),
                made("iso9660", disk -> disk.put(32 * KIB + 9, "CDROM")),
                made("udf", disk -> disk.put(32 * KIB + 1, "BEA01").put(34 * KIB + 1, "NSR03")),
                made("ufs", disk -> disk.u32le(8 * KIB + 1372, 0x00011954)),
                made("ufs", disk -> disk.u32le(64 * KIB + 1372, 0x19540119)),
                made("ufs", disk -> disk.u32be(256 * KIB + 1372, 0x00011954)),
                made("hpfs", disk -> disk.u32le(8 * KIB, 0xF995E849L)),
                made("befs", disk -> disk.u32le(512 + 32, 0x42465331).u32le(512 + 68, 0xDD121031L)),
                made("bfs", disk -> disk.u32le(0, 0x1BADFACE).u32le(4, 512)),
                made("vxfs", disk -> disk.u32le(KIB, 0xA501FCF5L)),
                made("sysv", disk -> disk.u32le(1016, 0xFD187E20L)),
                made("nss", disk -> disk.put(4 * KIB, "SPB5")),
                made("exfs", disk -> disk.put(0, "EXFS").u32be(4, 4096)),
                made("LVM2_member", disk -> disk.put(1024, "LABELONE").put(1024 + 24, "LVM2 001")),
                made("LVM1_member", disk -> disk.put(0, "HM\u0001\0")),
                made("DM_snapshot_cow", disk -> disk.put(0, "SnAp\u0001")),
                made("DM_integrity", disk -> disk.put(0, "integrt\0")),
                made("avb_vbmeta", disk -> disk.put(0, "AVB0").u32be(4, 1)),
                made("avb_footer", disk -> disk.put(SIZE - 64, "AVBf").u32be(SIZE - 60, 1)),
                made("zfs_member", disk -> zfs(disk, 16 * KIB)),
                made("zfs_member", disk -> zfs(disk, SIZE - 256 * KIB + 16 * KIB)),
                made("drbd", disk -> disk.u32be(SIZE - 4096 + 60, 0x8374026D).u32be(SIZE - 4096 + 80, 4096)),
                made("drbdmanage_control_volume", disk -> disk.put(0, "$DRBDmgr=q")),
                made("drbdproxy_datalog", disk -> disk.put(0, "DRBDdlh*")),
                made("stratis", disk -> disk.put(516, "!Stra0tis\u0086\u00ff\u0002^Arh")),
                made("vdo", disk -> disk.put(0, "dmvdo001")),
                made("ceph_bluestore", disk -> disk.put(0, "bluestore block device\n")),
                made("mpool", disk -> disk.put(0, "mpoolDev")),
                made("VMFS", disk -> disk.u32le(2 * MIB, 0x2FABF15E)),
                made("VMFS_volume_member", disk -> disk.u32le(MIB, 0xC001D00DL)),
                made("ldm", disk -> disk.put(3072, "PRIVHEAD")),
                made("geom", disk -> disk.put(SIZE - 512, "GEOM::MIRROR")),
                made("linux_raid_member", disk -> md1(disk, 0)),
                made("linux_raid_member", disk -> md1(disk, 4096)),
                made("linux_raid_member", disk -> md1(disk, SIZE - 8192)),
                made(
                        "linux_raid_member",
                        disk -> disk.u32le(SIZE - 65536, 0xA92B4EFCL).u32le(SIZE - 65528, 90)),
                made(
                        "linux_raid_member",
                        disk -> disk.u32be(SIZE - 65536, 0xA92B4EFCL).u32be(SIZE - 65528, 90)),
                made(
                        "ddf_raid_member",
                        disk -> disk.u32be(SIZE - 512, 0xDE11DE11L).put(SIZE - 480, "01.02.00")),
                made("isw_raid_member", disk -> disk.put(SIZE - 1024, "Intel Raid ISM Cfg Sig. 1.3.00")),
                made("lsi_mega_raid_member", disk -> disk.put(SIZE - 512, "$XIDE$")),
                made(
                        "nvidia_raid_member",
                        disk -> disk.put(SIZE - 1024, "NVIDIA  ").u32le(SIZE - 1016, 30)),
                made("promise_fasttrack_raid_member", disk -> disk.put(SIZE - 63 * 512, "Promise Technology, Inc.")),
                made("promise_fasttrack_raid_member", disk -> disk.put(SIZE - 3087 * 512, "Promise Technology, Inc.")),
                made(
                        "silicon_medley_raid_member",
                        disk -> disk.put(SIZE - 512 + 0x63, 0x2F).u16le(SIZE - 512 + 0x13E, 0xD100)),
                made("via_raid_member", disk -> disk.put(SIZE - 512, 0x55, 0xAA).put(SIZE - 512 + 50, 0xFF)),
                made("jmicron_raid_member", disk -> disk.put(SIZE - 512, "JM").u16le(SIZE - 508, 0x10000 - 0x4D4A)),
                made(
                        "adaptec_raid_member",
                        disk -> disk.u32be(SIZE - 512, 0x37FC4D1E).put(SIZE - 256, "DPTM")),
                made("hpt37x_raid_member", disk -> disk.u32le(4640, 0x5A7816F0)),
                made("hpt45x_raid_member", disk -> disk.u32le(SIZE - 11 * 512, 0x5A7816F3)));
    }

    private static int[] bcachefs() {
        return new int[] {0xC6, 0x85, 0x73, 0xF6, 0x66, 0xCE, 0x90, 0xA9, 0xD9, 0x6A, 0x60, 0xCF, 0x80, 0x3D, 0xF7, 0xEF
        };
    }

    private static void nilfs(MemoryDisk disk, int at) {
        disk.u32le(at, 2)
                .u16le(at + 6, 0x3434)
                .u16le(at + 8, 280)
                .u32le(at + 20, 2)
                .u64le(at + 24, 100);
    }

    private static void zfs(MemoryDisk disk, int at) {
        disk.put(at, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x24);
    }

    private static void md1(MemoryDisk disk, int at) {
        disk.u32le(at, 0xA92B4EFCL).u32le(at + 4, 1).put(at + 32, "host:0").u64le(at + 144, at / 512);
    }

    private static Arguments made(String type, Consumer<MemoryDisk> format) {
        return Arguments.of(type, format);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("formats")
    void namesEachFormatByItsMarkAndNoOther(String type, Consumer<MemoryDisk> format) throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE);
        format.accept(disk);
        assertEquals(List.of(type), types(disk));
        // A probe that needs more than these bytes may say nothing, but nothing else either.
        if (Files.isExecutable(Path.of("/usr/sbin/blkid")) && !type.equals("geom")) {
            Path image = Files.write(directory.resolve("image"), disk.bytes());
            String blkid = ExternalTool.attempt(
                            "", "/usr/sbin/blkid", "-p", "-o", "value", "-s", "TYPE", image.toString())
                    .output()
                    .strip();
            assertTrue(blkid.isEmpty() || blkid.equals(type), "blkid says " + blkid);
        }
    }

    @Test
    void findsNothingInZerosOfAnySize() throws IOException {
        for (int size : new int[] {0, 1, 511, 512, 4095, 4096, 65535, 65536, 65537, MIB, SIZE + 513}) {
            assertEquals(List.of(), Signatures.find(new MemoryDisk(size)), "size " + size);
        }
    }

    @Test
    void findsNothingInRandomBytes() throws IOException {
        Random random = new Random(7);
        MemoryDisk disk = new MemoryDisk(4 * MIB);
        for (int round = 0; round < 20; round++) {
            random.nextBytes(disk.bytes());
            assertEquals(List.of(), types(disk), "round " + round);
        }
    }

    @Test
    void findsMarksAtTheEndWhateverTheSizeOfTheVolume() throws IOException {
        for (int odd : new int[] {0, 1, 511, 512, 4096, 65536 + 513}) {
            int size = SIZE + odd;
            MemoryDisk disk = new MemoryDisk(size);
            disk.u32le((size / 65536 - 1) * 65536, 0xA92B4EFCL).u32le((size / 65536 - 1) * 65536 + 8, 90);
            assertEquals(List.of("linux_raid_member"), types(disk), "size " + size);
            MemoryDisk intel = new MemoryDisk(size).put((size / 512 - 2) * 512, "Intel Raid ISM Cfg Sig. ");
            assertEquals(List.of("isw_raid_member"), types(intel), "size " + size);
            MemoryDisk drbd = new MemoryDisk(size);
            int block = (size / 4096 - 1) * 4096;
            drbd.u32be(block + 60, 0x8374026B).u32be(block + 80, 4096);
            assertEquals(List.of("drbd"), types(drbd), "size " + size);
        }
    }

    @Test
    void takesCopiesOfMdMetadataElsewhereForNothing() throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE);
        md1(disk, 4096);
        disk.u64le(4096 + 144, 16);
        assertEquals(List.of(), types(disk));
    }

    @Test
    void findsEveryFormatOfAVolumeThatHasSeveral() throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE).put(0, "hsqs").put(28, 4, 0).put(SIZE - 512, "GEOM::LABEL");
        md1(disk, SIZE - 8192);
        assertEquals(List.of("geom", "linux_raid_member", "squashfs"), types(disk));
    }

    @Test
    void findsHashTreesBehindAFilesystem() throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE).put(MIB, "verity\0\0");
        assertTrue(Signatures.hasVerityBehind(disk, MIB));
        assertTrue(Signatures.hasVerityBehind(disk, MIB - 700));
        assertFalse(Signatures.hasVerityBehind(disk, 0));
        assertFalse(Signatures.hasVerityBehind(disk, MIB + 1));
        assertFalse(Signatures.hasVerityBehind(disk, Long.MAX_VALUE));
    }

    private static List<String> types(MemoryDisk disk) throws IOException {
        List<String> types = new ArrayList<>();
        for (FoundSignature found : Signatures.find(disk)) {
            types.add(found.identity().type());
        }
        return types.stream().sorted().toList();
    }
}
