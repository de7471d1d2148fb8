package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.volume.lvm.LvmHost;
import virtshrink.volume.lvm.LvmLayout;
import virtshrink.volume.lvm.LvmVolumes;
import virtshrink.volume.lvm.VolumeContent;

/** Disks with volume groups on them, as the tools of lvm2 and of the filesystems make them. */
class LvmInspectionTest {
    private static final long MIB = 1 << 20;
    private static final String CREATE = "lvcreate -an -Zn -Wn ";

    @TempDir
    Path directory;

    private LvmHost host;
    private final List<VolumeContent.Member> members = new ArrayList<>();

    @BeforeEach
    void start() throws IOException {
        host = new LvmHost(directory.resolve("host"));
    }

    @AfterEach
    void stop() throws IOException {
        host.close();
    }

    /** A disk with a GPT and the given places of partitions, in MiB: first, then length. */
    private Path disk(String name, long mebibytes, int... partitions) throws IOException {
        ExternalTool.assume("sgdisk", "gdisk");
        Path disk = ExternalTool.sparse(directory.resolve(name), mebibytes * MIB);
        for (int index = 0; index < partitions.length; index += 2) {
            ExternalTool.run(
                    "sgdisk",
                    "-n%d:%dM:+%dM".formatted(index / 2 + 1, partitions[index], partitions[index + 1]),
                    "-t%d:8e00".formatted(index / 2 + 1),
                    disk.toString());
        }
        return disk;
    }

    /** A place on a disk that becomes a physical volume; {@code @0} for the first. */
    private void member(Path disk, long mebibytes, long lengthMebibytes) throws IOException {
        host.add(disk, mebibytes * MIB, lengthMebibytes * MIB);
        members.add(new VolumeContent.Member(disk, mebibytes * MIB));
    }

    private LvmLayout.LogicalVolume logical(String name) throws IOException {
        List<FileBlockSource> files = new ArrayList<>();
        try {
            List<BlockSource> sources = new ArrayList<>();
            for (VolumeContent.Member member : members) {
                FileBlockSource file = FileBlockSource.open(member.file());
                files.add(file);
                sources.add(file.slice(ByteRange.between(member.startBytes(), file.sizeBytes())));
            }
            return LvmVolumes.read(sources).logicalVolumes().stream()
                    .filter(volume -> volume.name().equals(name))
                    .findFirst()
                    .orElseThrow();
        } finally {
            for (FileBlockSource file : files) {
                file.close();
            }
        }
    }

    /** Makes a filesystem in a file of the volume's size, and puts it on the disks. */
    private void make(String name, String... command) throws IOException {
        LvmLayout.LogicalVolume volume = logical(name);
        Path content = ExternalTool.sparse(directory.resolve(name + ".content"), volume.lengthBytes());
        List<String> words = new ArrayList<>(List.of(command));
        ExternalTool.assume(words.get(0), words.get(0));
        words.add(content.toString());
        ExternalTool.run(words.toArray(String[]::new));
        VolumeContent.scatter(content, volume, members);
    }

    /** As above, and files in it, some of which are deleted again. */
    private TreeDigest makeWithFiles(String name, String... command) throws IOException {
        make(name, command);
        Path content = directory.resolve(name + ".content");
        TreeDigest digest;
        try (MountedImage mounted = MountedImage.mount(content, directory.resolve("mnt"), "rw")) {
            for (int number = 0; number < 12; number++) {
                byte[] bytes = new byte[(number + 1) * 150_000];
                new Random(number).nextBytes(bytes);
                Files.write(mounted.path().resolve("file" + number), bytes);
            }
            mounted.sync();
            for (int number = 1; number < 12; number += 3) {
                Files.delete(mounted.path().resolve("file" + number));
            }
            digest = TreeDigest.of(mounted.path());
        }
        VolumeContent.scatter(content, logical(name), members);
        return digest;
    }

    private void assertUnchanged(String name, TreeDigest before) throws IOException {
        Path content = VolumeContent.gather(logical(name), members, directory.resolve(name + ".after"));
        boolean xfs =
                ExternalTool.attempt("", "xfs_repair", "-n", content.toString()).exitCode() == 0;
        if (!xfs) {
            ExternalTool.run("e2fsck", "-fn", content.toString());
        }
        try (MountedImage mounted = MountedImage.mount(content, directory.resolve("mnt"), "ro")) {
            before.assertSame(TreeDigest.of(mounted.path()), name);
        }
    }

    private long freeOfExt(String name) throws IOException {
        String header = ExternalTool.run(
                "dumpe2fs", "-h", directory.resolve(name + ".content").toString());
        long blocks = 0;
        long bytes = 0;
        for (String line : header.lines().toList()) {
            if (line.startsWith("Free blocks:")) {
                blocks = Long.parseLong(line.replaceAll("\\D", ""));
            } else if (line.startsWith("Block size:")) {
                bytes = Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        return blocks * bytes;
    }

    private long freeOfXfs(String name) throws IOException {
        String content = directory.resolve(name + ".content").toString();
        long blocks = 0;
        for (int group = 0; group < number("sb 0", "agcount", content); group++) {
            blocks += number("agf " + group, "freeblks", content);
        }
        return blocks * number("sb 0", "blocksize", content);
    }

    private static long number(String structure, String field, String content) throws IOException {
        String line = ExternalTool.run("xfs_db", "-r", "-c", structure, "-c", "print " + field, content);
        return Long.parseLong(line.replaceAll("\\D", ""));
    }

    private static List<DiskInspection> inspect(Path... disks) throws IOException {
        return inspect(DiskInspector.standard(), disks);
    }

    private static List<DiskInspection> inspect(DiskInspector inspector, Path... disks) throws IOException {
        List<FileBlockSource> files = new ArrayList<>();
        try {
            List<GuestDisk> guestDisks = new ArrayList<>();
            for (Path disk : disks) {
                FileBlockSource file = FileBlockSource.open(disk);
                files.add(file);
                guestDisks.add(new GuestDisk(file, "sd" + (char) ('a' + guestDisks.size()), 512));
            }
            return inspector.inspectTogether(guestDisks);
        } finally {
            for (FileBlockSource file : files) {
                file.close();
            }
        }
    }

    private static FilesystemFinding finding(DiskInspection inspection, String device) {
        return inspection.filesystems().stream()
                .filter(finding -> finding.device().equals(device))
                .findFirst()
                .orElseThrow(() -> new AssertionError(device + " not in " + inspection));
    }

    private static List<String> table(DiskInspection inspection) {
        return inspection.filesystems().stream()
                .map(finding -> "%s %s %s"
                        .formatted(
                                finding.device(),
                                finding.identity().type(),
                                finding.state().contractName()))
                .toList();
    }

    private static String reason(DiskInspection inspection, String device) {
        return finding(inspection, device).state().reasonText();
    }

    @Test
    void aDiskWithRootHomeAndSwapInAVolumeGroup() throws IOException {
        Path disk = disk("disk", 300, 1, 40, 42, 250);
        member(disk, 42, 250);
        for (String command : List.of(
                "vgcreate rhel @0",
                CREATE + "-L 60M -n root rhel",
                CREATE + "-L 24M -n swap rhel",
                CREATE + "-L 40M -n home rhel",
                "lvextend -L +20M rhel/root")) {
            host.lvm(command);
        }
        ExternalTool.assume("mkfs.xfs", "xfsprogs");
        Path boot = ExternalTool.sparse(directory.resolve("boot.content"), 40 * MIB);
        ExternalTool.run("mkfs.xfs", "-q", "--unsupported", boot.toString());
        ExternalTool.run("dd", "status=none", "if=" + boot, "of=" + disk, "bs=1M", "seek=1", "conv=notrunc,sparse");
        TreeDigest root = makeWithFiles("root", "mkfs.xfs", "-q", "--unsupported");
        TreeDigest home = makeWithFiles("home", "mkfs.ext4", "-q", "-F", "-O", "^has_journal");
        make("swap", "mkswap");

        DiskInspection inspection = inspect(disk).get(0);

        assertEquals(Optional.empty(), inspection.refusal());
        assertEquals(
                List.of(
                        "sda1 xfs free-space",
                        "sda2 LVM2_member free-space",
                        "/dev/rhel/root xfs free-space",
                        "/dev/rhel/swap swap free-space",
                        "/dev/rhel/home ext4 free-space"),
                table(inspection));
        assertEquals(
                freeOfXfs("root"),
                finding(inspection, "/dev/rhel/root").freeBytes().orElseThrow());
        assertEquals(
                freeOfExt("home"),
                finding(inspection, "/dev/rhel/home").freeBytes().orElseThrow());
        assertEquals(
                24 * MIB - 4096,
                finding(inspection, "/dev/rhel/swap").freeBytes().orElseThrow());
        FilesystemFinding group = finding(inspection, "sda2");
        String[] told = host.report("pvs -o pv_free,pv_uuid").get(0).split("\\|", -1);
        assertEquals(told[0], Long.toString(group.freeBytes().orElseThrow()));
        assertEquals(told[1], group.identity().uuid());
        assertEquals(43 * MIB, finding(inspection, "/dev/rhel/root").place().startBytes());
        assertEquals(80 * MIB, finding(inspection, "/dev/rhel/root").place().lengthBytes());
        assertEquals(80 * MIB, finding(inspection, "/dev/rhel/root").onDisk().totalBytes());
        assertFindingsDoNotOverlap(inspection);

        String before = host.lvm("fullreport");
        ZeroFreeSpace.scribble(disk, inspection.freeSpace(), 1);
        assertEquals(before, host.lvm("fullreport"));
        host.lvm("vgck");
        assertUnchanged("root", root);
        assertUnchanged("home", home);
    }

    private static void assertFindingsDoNotOverlap(DiskInspection inspection) {
        RangeSet seen = RangeSet.empty();
        for (FilesystemFinding finding : inspection.filesystems()) {
            assertTrue(seen.intersect(finding.freeOnDisk()).isEmpty(), finding.device());
            assertTrue(finding.freeOnDisk().subtract(finding.onDisk()).isEmpty(), finding.device());
            seen = seen.union(finding.freeOnDisk());
        }
    }

    @Test
    void aVolumeGroupOnTwoDisksIsFoundWholeWhereBothAreKnown() throws IOException {
        Path first = disk("first", 150, 2, 140);
        Path second = ExternalTool.sparse(directory.resolve("second"), 100 * MIB);
        member(first, 2, 140);
        member(second, 0, 100);
        for (String command : List.of(
                "vgcreate data @0 @1",
                CREATE + "-L 40M -i 2 -I 16K -n striped data",
                CREATE + "-l 30 -n long data @0:10-33 @1:10-15",
                CREATE + "-l 3 -n here data @0")) {
            host.lvm(command);
        }
        TreeDigest striped = makeWithFiles("striped", "mkfs.ext4", "-q", "-F", "-b", "1024");
        TreeDigest spread = makeWithFiles("long", "mkfs.ext4", "-q", "-F");
        make("here", "mkswap");

        List<DiskInspection> both = inspect(first, second);

        assertEquals(
                List.of(
                        "sda1 LVM2_member free-space",
                        "/dev/data/striped ext4 free-space",
                        "/dev/data/here swap free-space",
                        "/dev/data/long ext4 free-space"),
                table(both.get(0)));
        assertEquals(
                List.of(
                        "sdb LVM2_member free-space",
                        "/dev/data/striped ext4 free-space",
                        "/dev/data/long ext4 free-space"),
                table(both.get(1)));
        for (String name : List.of("striped", "long")) {
            FilesystemFinding here = finding(both.get(0), "/dev/data/" + name);
            FilesystemFinding there = finding(both.get(1), "/dev/data/" + name);
            assertEquals(here.state(), there.state());
            assertEquals(freeOfExt(name), here.freeBytes().orElseThrow());
            assertEquals(
                    freeOfExt(name),
                    here.freeOnDisk().totalBytes() + there.freeOnDisk().totalBytes());
            assertTrue(!here.freeOnDisk().isEmpty() && !there.freeOnDisk().isEmpty());
        }
        assertEquals(
                20 * MIB, finding(both.get(1), "/dev/data/striped").onDisk().totalBytes());
        assertFindingsDoNotOverlap(both.get(0));
        assertFindingsDoNotOverlap(both.get(1));
        List<DiskInspection> otherOrder = inspect(second, first);
        assertEquals(both.get(0).freeSpace(), otherOrder.get(1).freeSpace());
        assertEquals(both.get(1).freeSpace(), otherOrder.get(0).freeSpace());

        DiskInspection alone = inspect(first).get(0);
        assertTrue(reason(alone, "/dev/data/striped").startsWith("it reaches to another disk: the physical volume "));
        assertTrue(reason(alone, "/dev/data/long").startsWith("it reaches to another disk: "));
        assertTrue(reason(alone, "/dev/data/here").contains("cannot be read, so the guest may be suspended"));
        assertEquals(RangeSet.empty(), alone.freeSpace());

        ZeroFreeSpace.scribble(first, both.get(0).freeSpace(), 1);
        ZeroFreeSpace.scribble(second, both.get(1).freeSpace(), 2);
        host.lvm("vgck");
        assertUnchanged("striped", striped);
        assertUnchanged("long", spread);
    }

    @Test
    void ofTwoPhysicalVolumesOnOneDiskVolumesAreWhole() throws IOException {
        Path disk = disk("disk", 200, 1, 60, 80, 60);
        member(disk, 1, 60);
        member(disk, 80, 60);
        for (String command :
                List.of("vgcreate vg @0 @1", CREATE + "-L 40M -i 2 -I 4K -n a vg", CREATE + "-l 100%FREE -n b vg")) {
            host.lvm(command);
        }
        TreeDigest digest = makeWithFiles("a", "mkfs.ext4", "-q", "-F");
        make("b", "mkfs.ext4", "-q", "-F");
        DiskInspection inspection = inspect(disk).get(0);
        assertEquals(
                List.of(
                        "sda1 LVM2_member free-space",
                        "sda2 LVM2_member free-space",
                        "/dev/vg/a ext4 free-space",
                        "/dev/vg/b ext4 free-space"),
                table(inspection));
        assertEquals(
                freeOfExt("a"), finding(inspection, "/dev/vg/a").freeOnDisk().totalBytes());
        assertEquals(
                freeOfExt("b"), finding(inspection, "/dev/vg/b").freeOnDisk().totalBytes());
        ZeroFreeSpace.scribble(disk, inspection.freeSpace(), 1);
        assertUnchanged("a", digest);
    }

    /** Of three volumes without a reader only one is a run of bytes; another one covers such a run, but in another order. */
    @Test
    void whatWasClosedIsKnownToLieInOnePieceOrNot() throws IOException {
        Path disk = disk("disk", 200, 1, 180);
        member(disk, 1, 180);
        for (String command : List.of(
                "vgcreate vg @0",
                CREATE + "-L 40M -n whole vg @0:0-9",
                CREATE + "-L 16M -n turned vg @0:16-19",
                "lvextend -L 32M vg/turned @0:24-27",
                "lvextend -L 48M vg/turned @0:20-23",
                CREATE + "-L 16M -n apart vg @0:30-33",
                "lvextend -L 32M vg/apart @0:36-39")) {
            host.lvm(command);
        }
        for (String name : List.of("whole", "turned", "apart")) {
            ExternalTool.assume("mkfs.jfs", "jfsutils");
            make(name, "mkfs.jfs", "-q");
        }
        DiskInspection asked =
                inspect(DiskInspector.asking(ClosedVolumes.KNOWN, false), disk).get(0);
        assertEquals(
                List.of(
                        "sda1 LVM2_member free-space",
                        "/dev/vg/whole jfs unsupported",
                        "/dev/vg/turned jfs unsupported",
                        "/dev/vg/apart jfs unsupported"),
                table(asked));
        assertEquals(Optional.empty(), asked.doubt());
        for (String name : List.of("whole", "turned", "apart")) {
            FilesystemFinding finding = finding(asked, "/dev/vg/" + name);
            assertTrue(
                    finding.state() instanceof FilesystemState.Unsupported unsupported && unsupported.closed(), name);
            assertEquals(name.equals("whole"), finding.inOnePiece(), name);
        }
        assertEquals(1, finding(asked, "/dev/vg/turned").onDisk().size());
        DiskInspection standard = inspect(disk).get(0);
        assertTrue(standard.doubt().orElseThrow().contains("jfs"), "who does not ask does not know");
    }

    @Test
    void aVolumeThatWasNotClosedIsDirtyForWhoAsks() throws IOException {
        Path disk = disk("disk", 64, 1, 60);
        member(disk, 1, 60);
        host.lvm("vgcreate vg @0");
        host.lvm(CREATE + "-L 40M -n a vg");
        ExternalTool.assume("mkfs.jfs", "jfsutils");
        make("a", "mkfs.jfs", "-q");
        Path content = directory.resolve("a.content");
        try (var file = new RandomAccessFile(content.toFile(), "rw")) {
            file.seek(0x8000 + 40);
            file.write(1);
        }
        VolumeContent.scatter(content, logical("a"), members);
        DiskInspection asked =
                inspect(DiskInspector.asking(ClosedVolumes.KNOWN, false), disk).get(0);
        assertEquals(List.of("sda1 LVM2_member unsupported", "/dev/vg/a jfs dirty"), table(asked));
        assertTrue(asked.doubt().orElseThrow().contains("/dev/vg/a is not clean"));
    }

    @Test
    void aHibernatedVolumeRefusesEveryDiskOfItsGroup() throws IOException {
        Path first = disk("first", 64, 1, 60);
        Path second = disk("second", 64, 1, 60);
        Path third = disk("third", 64, 1, 60);
        member(first, 1, 60);
        member(second, 1, 60);
        member(third, 1, 60);
        for (String command : List.of("vgcreate vg @0 @1", "vgcreate other @2", CREATE + "-L 20M -n swap vg @1")) {
            host.lvm(command);
        }
        make("swap", "mkswap");
        Path content = directory.resolve("swap.content");
        try (var file = new RandomAccessFile(content.toFile(), "rw")) {
            file.seek(4086);
            file.writeBytes("S1SUSPEND\0");
        }
        VolumeContent.scatter(content, logical("swap"), members);
        List<DiskInspection> disks = inspect(first, second, third);
        assertTrue(disks.get(0).refusal().orElseThrow().startsWith("/dev/vg/swap: "));
        assertTrue(disks.get(1).refusal().orElseThrow().startsWith("/dev/vg/swap: "));
        assertEquals(Optional.empty(), disks.get(2).refusal());
        assertEquals(RangeSet.empty(), disks.get(0).freeSpace());
    }

    @Test
    void aDirtyVolumeLeavesFreeExtentsAlone() throws IOException {
        Path disk = disk("disk", 64, 1, 60);
        member(disk, 1, 60);
        host.lvm("vgcreate vg @0");
        host.lvm(CREATE + "-L 20M -n a vg");
        make("a", "mkfs.ext4", "-q", "-F");
        Path content = directory.resolve("a.content");
        ExternalTool.run("debugfs", "-w", "-R", "ssv state 0", content.toString());
        VolumeContent.scatter(content, logical("a"), members);
        DiskInspection inspection = inspect(disk).get(0);
        assertEquals(List.of("sda1 LVM2_member unsupported", "/dev/vg/a ext4 dirty"), table(inspection));
        assertTrue(reason(inspection, "sda1").contains("/dev/vg/a is not clean"));
        assertEquals(RangeSet.empty(), inspection.freeSpace());
    }

    @Test
    void whatIsNestedInALogicalVolumeIsLeftAlone() throws IOException {
        Path disk = disk("disk", 200, 1, 190);
        member(disk, 1, 190);
        for (String command : List.of(
                "vgcreate vg @0",
                CREATE + "-L 32M -n guest vg",
                CREATE + "-L 32M -n luks vg",
                CREATE + "-L 32M -n inner vg",
                CREATE + "-L 32M -n raw vg",
                CREATE + "-L 32M -n shrunk vg")) {
            host.lvm(command);
        }
        make("guest", "sgdisk", "-n1:0:0");
        ExternalTool.assume("cryptsetup", "cryptsetup-bin");
        Path content = ExternalTool.sparse(directory.resolve("luks.content"), 32 * MIB);
        ExternalTool.runWithInput(
                "secret",
                "cryptsetup",
                "-q",
                "luksFormat",
                "--type",
                "luks2",
                "--pbkdf",
                "pbkdf2",
                "--pbkdf-force-iterations",
                "1000",
                content.toString());
        VolumeContent.scatter(content, logical("luks"), members);
        Path member = directory.resolve("inner.content");
        ExternalTool.run("dd", "status=none", "if=" + disk, "of=" + member, "bs=1M", "skip=1", "count=32");
        VolumeContent.scatter(member, logical("inner"), members);
        ExternalTool.sparse(directory.resolve("shrunk.content"), 64 * MIB);
        ExternalTool.run(
                "mkfs.ext4", "-q", "-F", directory.resolve("shrunk.content").toString());
        VolumeContent.scatter(directory.resolve("shrunk.content"), logical("shrunk"), members);

        DiskInspection inspection = inspect(disk).get(0);

        assertEquals(
                List.of(
                        "sda1 LVM2_member unsupported",
                        "/dev/vg/guest unknown unsupported",
                        "/dev/vg/luks crypto_LUKS unsupported",
                        "/dev/vg/inner LVM2_member unsupported",
                        "/dev/vg/raw unknown unsupported",
                        "/dev/vg/shrunk ext4 corrupt"),
                table(inspection));
        assertEquals(RangeSet.empty(), inspection.freeSpace());
    }

    @Test
    void ofAClonedDiskNeitherIsTouched() throws IOException {
        Path disk = disk("disk", 64, 1, 60);
        member(disk, 1, 60);
        host.lvm("vgcreate vg @0");
        host.lvm(CREATE + "-L 20M -n a vg");
        Path clone = Files.copy(disk, directory.resolve("clone"));
        for (DiskInspection inspection : inspect(disk, clone)) {
            assertEquals(1, inspection.filesystems().size());
            assertTrue(inspection
                    .filesystems()
                    .get(0)
                    .state()
                    .reasonText()
                    .endsWith("is there twice, as on a cloned disk"));
            assertEquals(RangeSet.empty(), inspection.freeSpace());
        }
        assertEquals(36 * MIB, inspect(disk).get(0).freeSpace().totalBytes());
    }
}
