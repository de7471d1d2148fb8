package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.volume.lvm.LvmHost;

/** Disks as installers lay them out, with all that lies on them, through one run; a table is printed for each. */
class WholeDisksTest {
    private static final long MIB = 1 << 20;
    private static final int DEEDS = 60;
    private static final int DELETED_BYTES = 6 << 20;

    @TempDir
    Path directory;

    private Path raw;

    @BeforeAll
    static void tools() {
        ExternalTool.assumeRoot();
        ExternalTool.assume("sgdisk", "gdisk");
        ExternalTool.assume("qemu-img", "qemu-utils");
        ExternalTool.assume("mkfs.fat", "dosfstools");
        ExternalTool.assume("mcopy", "mtools");
    }

    private Path disk(long mebibytes, String... partitions) throws IOException {
        raw = ExternalTool.sparse(directory.resolve("disk.raw"), mebibytes * MIB);
        List<String> command = new ArrayList<>(List.of("sgdisk"));
        command.addAll(List.of(partitions));
        command.add(raw.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return raw;
    }

    private static ByteRange mebibytes(long start, long length) {
        return new ByteRange(start * MIB, length * MIB);
    }

    private void makeIn(ByteRange place, String... command) throws IOException {
        Path part = ExternalTool.sparse(directory.resolve("part"), place.lengthBytes());
        List<String> whole = new ArrayList<>(List.of(command));
        whole.add(part.toString());
        ExternalTool.run(whole.toArray(String[]::new));
        copy(part, 0, raw, place.startBytes(), place.lengthBytes());
        Files.delete(part);
    }

    /** Only what is not zero, so that sparse files stay sparse. */
    private static void copy(Path from, long fromBytes, Path to, long toBytes, long length) throws IOException {
        ByteBuffer piece = ByteBuffer.allocate((int) MIB);
        ByteBuffer zeros = ByteBuffer.allocate((int) MIB);
        try (FileChannel source = FileChannel.open(from);
                FileChannel target = FileChannel.open(to, StandardOpenOption.WRITE)) {
            for (long done = 0; done < length; done += piece.limit()) {
                piece.clear().limit((int) Math.min(MIB, length - done));
                while (piece.hasRemaining() && source.read(piece, fromBytes + done + piece.position()) > 0) {
                    // until the piece is whole
                }
                piece.flip();
                if (!piece.equals(zeros.slice(0, piece.limit()))) {
                    long at = toBytes + done;
                    while (piece.hasRemaining()) {
                        at += target.write(piece, at);
                    }
                }
            }
        }
    }

    private static void live(MountedImage mounted, Random random) throws IOException {
        LivingTree tree = new LivingTree(mounted.path(), random, 0);
        tree.live(DEEDS);
        tree.leaveDeleted(DELETED_BYTES);
    }

    /** Through the whole pipeline and back to a raw disk. */
    private ShrinkReport shrink() throws IOException {
        Path image = Files.createDirectories(directory.resolve("images")).resolve("disk.qcow2");
        ExternalTool.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.toString(), image.toString());
        TestRun run = new TestRun(directory.resolve("runs"), image);
        ShrinkReport report = run.expect(Outcome.SHRUNK);
        run.requireNothingLeft();
        Files.delete(raw);
        ExternalTool.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image.toString(), raw.toString());
        return report;
    }

    private static void print(String title, ShrinkReport report) {
        DiskInspection inspection = report.inspection().orElseThrow();
        System.out.printf(
                "%n%s, %s, from %,d to %,d KiB on disk%n%-16s %-12s %-11s %12s %12s %14s%n",
                title,
                inspection.partitionTable(),
                report.before().allocatedBytes() / 1024,
                report.after().allocatedBytes() / 1024,
                "device",
                "filesystem",
                "state",
                "size KiB",
                "free KiB",
                "reclaimed KiB");
        for (FilesystemFinding finding : inspection.filesystems()) {
            long reclaimed = report.gains().stream()
                    .filter(gain -> gain.device().equals(finding.device()))
                    .mapToLong(ShrinkReport.FilesystemGain::reclaimableBytes)
                    .sum();
            System.out.printf(
                    "%-16s %-12s %-11s %,12d %,12d %,14d  %s%n",
                    finding.device(),
                    finding.identity().type(),
                    finding.state().contractName(),
                    finding.place().lengthBytes() / 1024,
                    finding.freeBytes().orElse(0) / 1024,
                    reclaimed / 1024,
                    finding.state().reasonText());
        }
    }

    private static void assertGivesBack(ShrinkReport report, String device, String type) {
        assertFree(report, device, type);
        long gain = report.gains().stream()
                .filter(candidate -> candidate.device().equals(device))
                .mapToLong(ShrinkReport.FilesystemGain::reclaimableBytes)
                .sum();
        assertTrue(gain > DELETED_BYTES / 2, () -> device + " gives back " + gain);
    }

    private static void assertFree(ShrinkReport report, String device, String type) {
        FilesystemFinding finding = report.inspection().orElseThrow().filesystems().stream()
                .filter(candidate -> candidate.device().equals(device))
                .findFirst()
                .orElseThrow(() -> new AssertionError(device + " was not found"));
        assertEquals(type, finding.identity().type());
        assertInstanceOf(
                FilesystemState.FreeSpace.class,
                finding.state(),
                () -> device + ": " + finding.state().reasonText());
    }

    @Test
    void aDiskAsWindowsLaysItOutGivesBackWhatEachVolumeHasFree() throws IOException {
        ExternalTool.assume("mkntfs", "ntfs-3g");
        ByteRange esp = mebibytes(1, 64);
        ByteRange windows = mebibytes(81, 160);
        ByteRange recovery = mebibytes(241, 32);
        disk(
                274,
                "-n=1:2048:+64M",
                "-t=1:EF00",
                "-n=2:0:+16M",
                "-t=2:0C01",
                "-n=3:0:+160M",
                "-t=3:0700",
                "-n=4:0:+32M",
                "-t=4:2700",
                "-A=4:set:0",
                "-A=4:set:63");
        makeIn(esp, "mkfs.fat", "-F", "32", "-s", "1", "-n", "SYSTEM");
        makeIn(windows, "mkntfs", "-q", "-F", "-Q", "-L", "Windows", "-p", "165888", "-H", "255", "-S", "63");
        makeIn(recovery, "mkntfs", "-q", "-F", "-Q", "-L", "Recovery");
        new MtoolsTree(raw, esp.startBytes(), directory, new Random(1), 0).live(DEEDS);
        liveNtfs(windows, 2);
        liveNtfs(recovery, 3);
        Map<String, TreeDigest> before = lookAtWindows(esp, windows, recovery);

        ShrinkReport report = shrink();

        print("Windows", report);
        Map<String, TreeDigest> after = lookAtWindows(esp, windows, recovery);
        before.forEach((volume, digest) -> digest.assertSame(after.get(volume), volume));
        assertFree(report, "sda1", "vfat");
        assertGivesBack(report, "sda3", "ntfs");
        assertGivesBack(report, "sda4", "ntfs");
    }

    private void liveNtfs(ByteRange place, long seed) throws IOException {
        try (MountedImage mounted = MountedImage.ntfs(raw, place, directory.resolve("at"), "rw")) {
            live(mounted, new Random(seed));
        }
    }

    private Map<String, TreeDigest> lookAtWindows(ByteRange esp, ByteRange windows, ByteRange recovery)
            throws IOException {
        Map<String, TreeDigest> digests = new TreeMap<>();
        digests.put("system", LifeKind.extract(raw, esp.startBytes(), directory));
        for (ByteRange place : List.of(windows, recovery)) {
            try (MountedImage mounted = MountedImage.ntfs(raw, place, directory.resolve("at"), "ro")) {
                digests.put("NTFS at " + place, TreeDigest.of(mounted.path()));
            }
        }
        return digests;
    }

    @Test
    void aDiskAsRedHatLaysItOutGivesBackWhatEachVolumeHasFree() throws IOException {
        ExternalTool.assume("mkfs.xfs", "xfsprogs");
        ExternalTool.assume("mkswap", "util-linux");
        ByteRange esp = mebibytes(1, 64);
        ByteRange boot = mebibytes(65, 320);
        ByteRange group = mebibytes(385, 1100);
        disk(1486, "-n=1:2048:+64M", "-t=1:EF00", "-n=2:0:+320M", "-t=2:8300", "-n=3:0:+1100M", "-t=3:8E00");
        makeIn(esp, "mkfs.fat", "-F", "32", "-s", "1", "-n", "EFI");
        makeIn(boot, "mkfs.xfs", "-q", "-f", "-L", "boot");
        new MtoolsTree(raw, esp.startBytes(), directory, new Random(1), 0).live(DEEDS);
        try (MountedImage mounted = MountedImage.mount(raw, boot, directory.resolve("at"), "rw")) {
            live(mounted, new Random(2));
        }
        Map<String, List<ByteRange>> volumes = logicalVolumes(group);
        for (String name : List.of("root", "home")) {
            scatter(xfs(name, length(volumes.get(name))), volumes.get(name));
        }
        scatter(swap(length(volumes.get("swap"))), volumes.get("swap"));
        Map<String, TreeDigest> before = lookAtRedHat(esp, boot, volumes);

        ShrinkReport report = shrink();

        print("RHEL", report);
        Map<String, TreeDigest> after = lookAtRedHat(esp, boot, volumes);
        before.forEach((volume, digest) -> digest.assertSame(after.get(volume), volume));
        assertFree(report, "sda1", "vfat");
        assertGivesBack(report, "sda2", "xfs");
        assertGivesBack(report, "/dev/rhel/root", "xfs");
        assertGivesBack(report, "/dev/rhel/home", "xfs");
        assertGivesBack(report, "/dev/rhel/swap", "swap");
    }

    /** Where the pieces of each lie on the disk; home was extended later and lies in two. */
    private Map<String, List<ByteRange>> logicalVolumes(ByteRange place) throws IOException {
        try (LvmHost host = new LvmHost(directory.resolve("lvm"))) {
            host.add(raw, place.startBytes(), place.lengthBytes());
            host.lvm("vgcreate rhel @0");
            host.lvm("lvcreate -an -Zn -Wn -y -L 64M -n swap rhel");
            host.lvm("lvcreate -an -Zn -Wn -y -L 300M -n home rhel");
            host.lvm("lvcreate -an -Zn -Wn -y -L 400M -n root rhel");
            host.lvm("lvextend -y -L +64M rhel/home");
            Map<String, List<ByteRange>> volumes = new TreeMap<>();
            String segments = host.lvm("lvs --noheadings --nosuffix --units b --segments"
                    + " -o lv_name,seg_size,seg_pe_ranges,vg_extent_size,seg_start rhel");
            for (String line : segments.lines().map(String::strip).sorted().toList()) {
                String[] fields = line.split(" +", -1);
                if (fields.length == 5) {
                    long extent = Long.parseLong(fields[3]);
                    long first =
                            Long.parseLong(fields[2].replaceFirst(".*:", "").replaceFirst("-.*", ""));
                    volumes.computeIfAbsent(fields[0], name -> new ArrayList<>())
                            .add(new ByteRange(place.startBytes() + MIB + first * extent, Long.parseLong(fields[1])));
                }
            }
            assertEquals(3, volumes.size(), segments);
            assertEquals(2, volumes.get("home").size(), segments);
            assertTrue(segments.contains(" 314572800 "), segments);
            // lvs sorts by name, not by place in the volume: the longer piece of home is its first.
            volumes.get("home").sort((one, other) -> Long.compare(other.lengthBytes(), one.lengthBytes()));
            return volumes;
        }
    }

    private static long length(List<ByteRange> pieces) {
        return pieces.stream().mapToLong(ByteRange::lengthBytes).sum();
    }

    private Path xfs(String name, long lengthBytes) throws IOException {
        Path file = ExternalTool.sparse(directory.resolve(name), lengthBytes);
        ExternalTool.run("mkfs.xfs", "-q", "-f", "-L", name, file.toString());
        try (MountedImage mounted = MountedImage.mount(file, directory.resolve("at"), "rw")) {
            live(mounted, new Random(name.hashCode()));
        }
        return file;
    }

    private Path swap(long lengthBytes) throws IOException {
        Path file = ExternalTool.sparse(directory.resolve("swap"), lengthBytes);
        ExternalTool.run("mkswap", file.toString());
        byte[] pages = new byte[8 << 20];
        new Random(9).nextBytes(pages);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(pages), 4 * MIB);
        }
        return file;
    }

    private void scatter(Path file, List<ByteRange> pieces) throws IOException {
        long at = 0;
        for (ByteRange piece : pieces) {
            copy(file, at, raw, piece.startBytes(), piece.lengthBytes());
            at += piece.lengthBytes();
        }
        Files.delete(file);
    }

    private Path gather(String name, List<ByteRange> pieces) throws IOException {
        Path file = ExternalTool.sparse(directory.resolve(name), length(pieces));
        long at = 0;
        for (ByteRange piece : pieces) {
            copy(raw, piece.startBytes(), file, at, piece.lengthBytes());
            at += piece.lengthBytes();
        }
        return file;
    }

    private Map<String, TreeDigest> lookAtRedHat(ByteRange esp, ByteRange boot, Map<String, List<ByteRange>> volumes)
            throws IOException {
        Map<String, TreeDigest> digests = new TreeMap<>();
        digests.put("efi", LifeKind.extract(raw, esp.startBytes(), directory));
        try (MountedImage mounted = MountedImage.mount(raw, boot, directory.resolve("at"), "ro,norecovery")) {
            digests.put("boot", TreeDigest.of(mounted.path()));
        }
        for (String name : List.of("root", "home")) {
            Path file = gather(name, volumes.get(name));
            try (MountedImage mounted = MountedImage.mount(file, directory.resolve("at"), "ro,norecovery")) {
                digests.put(name, TreeDigest.of(mounted.path()));
            }
            Files.delete(file);
        }
        return digests;
    }
}
