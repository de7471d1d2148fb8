package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.RangeSet;

/**
 * Two disks of one guest with a volume group over both, as the guest leaves them when it has been shut down. The first has a GPT with an ext4
 * for {@code /boot} and a physical volume, the second is a physical volume as a whole. The ext4 in {@code /dev/vg0/root} begins on the first
 * and ends on the second, and half of its files have been deleted; {@code /dev/vg0/swap} and the free extents, which hold the bytes of an
 * earlier life, are on the second. Made by LVM's own tools on loop devices, without a device-mapper; what is free is said by {@code dumpe2fs}
 * and by LVM.
 */
public final class SpanningDisks {
    static final int MIB = 1 << 20;

    /** The guest's volume that is on both disks. */
    public static final String ROOT = "/dev/vg0/root";

    private static final List<Integer> DISK_BYTES = List.of(80 * MIB, 64 * MIB);
    /** Of 1 MiB, on each disk. */
    private static final List<Integer> EXTENTS = List.of(61, 63);

    private static final long BOOT_START = MIB;
    private static final long BOOT_BYTES = 16L * MIB;
    private static final long PARTITION_START = BOOT_START + BOOT_BYTES;
    private static final long PARTITION_BYTES = 62L * MIB;
    private static final long EXTENT_BYTES = MIB;
    private static final int ROOT_EXTENTS = 100;
    private static final int SWAP_EXTENTS = 8;
    private static final int FILES = 80;
    private static final int SWAP_PAGE = 4096;
    private static final Pattern FREE = Pattern.compile("(?m)^ {2}Free blocks: (.+)$");

    private final Path directory;
    private final List<Path> raw;
    private final List<Piece> root = new ArrayList<>();
    private final List<Piece> swap = new ArrayList<>();
    private final List<RangeSet> free = new ArrayList<>();
    private long rootFreeBytes;

    private SpanningDisks(Path directory) throws IOException {
        this.directory = directory;
        this.raw = List.of(
                ExternalTool.sparse(directory.resolve("a.raw"), DISK_BYTES.get(0)),
                ExternalTool.sparse(directory.resolve("b.raw"), DISK_BYTES.get(1)));
    }

    /** A part of a logical volume on a disk. */
    private record Piece(int disk, long offsetBytes, long lengthBytes) {}

    /** Skips the test, by name, where a tool is absent that is needed to make and judge disks. */
    public static void assumeTools() {
        ExternalTool.assume("qemu-img", "qemu-utils");
        ExternalTool.assume("sgdisk", "gdisk");
        ExternalTool.assume("mke2fs", "e2fsprogs");
        ExternalTool.assume("debugfs", "e2fsprogs");
        ExternalTool.assume("mkswap", "util-linux");
        ExternalTool.assume("lvm", "lvm2");
        ExternalTool.assume("losetup", "mount");
        ExternalTool.assumeRoot();
    }

    /**
     * Makes them.
     *
     * @param directory where they are made and stay; made if missing
     */
    public static SpanningDisks make(Path directory) throws IOException {
        SpanningDisks disks = new SpanningDisks(Files.createDirectories(directory));
        disks.fillWithEarlierLife();
        ExternalTool.run(
                "sgdisk",
                "-Z",
                "-n1:%d:%d".formatted(BOOT_START / 512, PARTITION_START / 512 - 1),
                "-n2:%d:%d".formatted(PARTITION_START / 512, (PARTITION_START + PARTITION_BYTES) / 512 - 1),
                "-t2:8e00",
                disks.raw.get(0).toString());
        disks.makeVolumeGroup();
        disks.makeFilesystems();
        return disks;
    }

    private void fillWithEarlierLife() throws IOException {
        Random random = new Random(1998);
        for (Path disk : raw) {
            try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
                // Tables and labels come to the first and last MiB.
                for (long at = MIB; at < file.length() - MIB; at += MIB) {
                    file.seek(at);
                    file.write(content(random, MIB));
                }
            }
        }
    }

    private void makeVolumeGroup() throws IOException {
        List<String> devices = new ArrayList<>();
        try {
            devices.add(attach(
                    "--offset",
                    Long.toString(PARTITION_START),
                    "--sizelimit",
                    Long.toString(PARTITION_BYTES),
                    raw.get(0).toString()));
            devices.add(attach(raw.get(1).toString()));
            Lvm lvm = new Lvm(directory, devices);
            lvm.run("pvcreate", devices.get(0), devices.get(1));
            lvm.run("vgcreate", "-s", "1m", "vg0", devices.get(0), devices.get(1));
            lvm.run("lvcreate", "-an", "-Zn", "-Wn", "-l", SWAP_EXTENTS + "", "-n", "swap", "vg0", devices.get(1));
            lvm.run("lvcreate", "-an", "-Zn", "-Wn", "-l", ROOT_EXTENTS + "", "-n", "root", "vg0");
            findPieces(lvm, devices);
        } finally {
            for (String device : devices) {
                ExternalTool.run("losetup", "--detach", device);
            }
        }
    }

    private static String attach(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("losetup", "--find", "--show"));
        command.addAll(List.of(arguments));
        return ExternalTool.run(command.toArray(String[]::new)).strip();
    }

    /** Where LVM says that each volume lies, and what is left. */
    private void findPieces(Lvm lvm, List<String> devices) throws IOException {
        Pattern line = Pattern.compile("(\\w*),(\\d+),(\\d+),(/dev/loop\\d+)\\((\\d+)\\)");
        Matcher segments = line.matcher(lvm.run(
                "lvs",
                "--segments",
                "--noheadings",
                "--units=b",
                "--nosuffix",
                "--separator=,",
                "-o",
                "lv_name,seg_start,seg_size,devices",
                "vg0"));
        RangeSet.Builder firstUsed = RangeSet.builder();
        RangeSet.Builder secondUsed = RangeSet.builder();
        while (segments.find()) {
            int disk = devices.indexOf(segments.group(4));
            Piece piece = new Piece(
                    disk,
                    dataStart(disk) + Long.parseLong(segments.group(5)) * EXTENT_BYTES,
                    Long.parseLong(segments.group(3)));
            (segments.group(1).equals("root") ? root : swap).add(piece);
            (disk == 0 ? firstUsed : secondUsed).add(piece.offsetBytes(), piece.lengthBytes());
        }
        assertEquals(List.of(0, 1), root.stream().map(Piece::disk).toList(), root::toString);
        assertEquals(1, swap.size(), swap::toString);
        String counts = lvm.run(
                "pvs", "--noheadings", "--units=b", "--nosuffix", "--separator=,", "-o", "pe_start,pv_pe_count");
        assertEquals(
                EXTENTS.stream().map(count -> MIB + "," + count).toList(),
                counts.lines().map(String::strip).toList());
        free.add(RangeSet.of(new ByteRange(dataStart(0), EXTENTS.get(0) * EXTENT_BYTES))
                .subtract(firstUsed.build()));
        free.add(RangeSet.of(new ByteRange(dataStart(1), EXTENTS.get(1) * EXTENT_BYTES))
                .subtract(secondUsed.build()));
    }

    private static long dataStart(int disk) {
        return (disk == 0 ? PARTITION_START : 0) + MIB;
    }

    private void makeFilesystems() throws IOException {
        Random random = new Random(2004);
        Path tree = Files.createDirectory(directory.resolve("tree"));
        List<String> deletions = new ArrayList<>();
        for (int i = 0; i < FILES; i++) {
            Files.write(tree.resolve("file" + i), content(random, MIB));
            if (i % 2 == 0) {
                deletions.add("rm file" + i);
            }
        }
        Path volume = take(root, "root.raw");
        ExternalTool.run(
                "mke2fs",
                "-q",
                "-F",
                "-E",
                "nodiscard",
                "-t",
                "ext4",
                "-b",
                "4096",
                "-d",
                tree.toString(),
                volume.toString());
        Path script = Files.writeString(directory.resolve("deletions"), String.join("\n", deletions) + "\n");
        ExternalTool.run("debugfs", "-w", "-f", script.toString(), volume.toString());
        RangeSet blocks = freeBlocks(volume, 4096);
        rootFreeBytes = blocks.totalBytes();
        addFree(root, blocks);
        put(root, volume);

        Path area = take(swap, "swap.raw");
        ExternalTool.run("mkswap", area.toString());
        put(swap, area);
        addFree(swap, RangeSet.of(new ByteRange(SWAP_PAGE, SWAP_EXTENTS * EXTENT_BYTES - SWAP_PAGE)));

        List<Piece> boot = List.of(new Piece(0, BOOT_START, BOOT_BYTES));
        Path partition = take(boot, "boot.raw");
        ExternalTool.run("mke2fs", "-q", "-F", "-E", "nodiscard", "-t", "ext4", "-b", "1024", partition.toString());
        addFree(boot, freeBlocks(partition, 1024));
        put(boot, partition);
        ExternalTool.run("rm", "-rf", tree.toString());
    }

    private Path take(List<Piece> pieces, String name) throws IOException {
        return take(pieces, raw, directory.resolve(name));
    }

    /** The volume by itself. */
    private static Path take(List<Piece> pieces, List<Path> disks, Path volume) throws IOException {
        try (RandomAccessFile out = new RandomAccessFile(volume.toFile(), "rw")) {
            for (Piece piece : pieces) {
                try (RandomAccessFile in =
                        new RandomAccessFile(disks.get(piece.disk()).toFile(), "r")) {
                    in.seek(piece.offsetBytes());
                    copy(in, out, piece.lengthBytes());
                }
            }
        }
        return volume;
    }

    /** Volumes are whole extents. */
    private static void copy(RandomAccessFile in, RandomAccessFile out, long lengthBytes) throws IOException {
        byte[] extent = new byte[Math.toIntExact(EXTENT_BYTES)];
        for (long done = 0; done < lengthBytes; done += EXTENT_BYTES) {
            in.readFully(extent);
            out.write(extent);
        }
    }

    private void put(List<Piece> pieces, Path volume) throws IOException {
        try (RandomAccessFile in = new RandomAccessFile(volume.toFile(), "r")) {
            for (Piece piece : pieces) {
                try (RandomAccessFile out =
                        new RandomAccessFile(raw.get(piece.disk()).toFile(), "rw")) {
                    out.seek(piece.offsetBytes());
                    copy(in, out, piece.lengthBytes());
                }
            }
        }
        Files.delete(volume);
    }

    private void addFree(List<Piece> pieces, RangeSet inVolume) {
        long start = 0;
        for (Piece piece : pieces) {
            RangeSet part = inVolume.intersect(RangeSet.of(new ByteRange(start, piece.lengthBytes())));
            RangeSet.Builder onDisk = RangeSet.builder();
            for (ByteRange range : part) {
                onDisk.add(range.startBytes() - start + piece.offsetBytes(), range.lengthBytes());
            }
            free.set(piece.disk(), free.get(piece.disk()).union(onDisk.build()));
            start += piece.lengthBytes();
        }
    }

    private static RangeSet freeBlocks(Path volume, int blockBytes) throws IOException {
        String dump = ExternalTool.run("dumpe2fs", volume.toString());
        assertTrue(dump.contains("Block size:               " + blockBytes), dump);
        RangeSet.Builder ranges = RangeSet.builder();
        Matcher line = FREE.matcher(dump);
        while (line.find()) {
            for (String run : line.group(1).split(", ", -1)) {
                String[] ends = run.split("-", -1);
                long first = Long.parseLong(ends[0]);
                long last = Long.parseLong(ends[ends.length - 1]);
                ranges.add(first * blockBytes, (last - first + 1) * blockBytes);
            }
        }
        return ranges.build();
    }

    /** What is free on the first or second disk, by other tools than the code under test. */
    public RangeSet free(int disk) {
        return free.get(disk);
    }

    /** What a perfect run would give back of a qcow2 image with clusters of 64 KiB. */
    public long winnable(int disk) {
        return free.get(disk)
                .intersect(RangeSet.of(new ByteRange(MIB, DISK_BYTES.get(disk) - 2L * MIB)))
                .alignInward(1 << 16, DISK_BYTES.get(disk))
                .totalBytes();
    }

    /** What {@code dumpe2fs} calls free in the volume that is on both disks. */
    long rootFreeBytes() {
        return rootFreeBytes;
    }

    /** Where that volume begins, on the first disk. */
    long rootStart() {
        return root.get(0).offsetBytes();
    }

    /** Where the swap lies, on the second disk. */
    long swapStart() {
        return swap.get(0).offsetBytes();
    }

    /** A new raw file of the first or second disk. */
    public Path rawIn(Path file, int disk) throws IOException {
        return Files.copy(raw.get(disk), file);
    }

    /** A new qcow2 image of the first or second disk. */
    public Path imageIn(Path file, int disk) throws IOException {
        ExternalTool.run(
                "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.get(disk).toString(), file.toString());
        return file;
    }

    /**
     * The images show the guest its disks: every byte outside free space is equal, every byte in it equal or zero, and e2fsck is content with the
     * volume that is put together from both.
     *
     * @return bytes in free space that are still there
     */
    public long requireSameIn(Path first, Path second) throws IOException {
        Path scratch = Files.createTempDirectory(directory, "result");
        try {
            List<Path> copies = new ArrayList<>();
            long left = 0;
            for (int disk = 0; disk < 2; disk++) {
                Path copy = scratch.resolve(disk + ".raw");
                Path image = disk == 0 ? first : second;
                ExternalTool.run(
                        "qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", image.toString(), copy.toString());
                copies.add(copy);
                left += requireSameBytes(disk, copy);
            }
            Path volume = take(root, copies, scratch.resolve("root.raw"));
            ExternalTool.Result check = ExternalTool.attempt("", "e2fsck", "-fn", volume.toString());
            assertEquals(0, check.exitCode(), check.output());
            return left;
        } finally {
            ExternalTool.run("rm", "-rf", scratch.toString());
        }
    }

    private long requireSameBytes(int disk, Path copy) throws IOException {
        assertEquals(Files.size(raw.get(disk)), Files.size(copy));
        long left = 0;
        try (InputStream mine = Files.newInputStream(raw.get(disk));
                InputStream other = Files.newInputStream(copy)) {
            long at = 0;
            for (byte[] expected = mine.readNBytes(MIB); expected.length > 0; expected = mine.readNBytes(MIB)) {
                byte[] found = other.readNBytes(MIB);
                RangeSet freeHere = free.get(disk).intersect(RangeSet.of(new ByteRange(at, expected.length)));
                int used = 0;
                for (ByteRange range : freeHere) {
                    int start = Math.toIntExact(range.startBytes() - at);
                    int end = Math.toIntExact(range.endBytes() - at);
                    requireEqual(expected, found, used, start, at);
                    for (int i = start; i < end; i++) {
                        if (found[i] != 0 && found[i] != expected[i]) {
                            fail("free byte %d of disk %d is %d and was %d"
                                    .formatted(at + i, disk, found[i], expected[i]));
                        }
                        left += found[i] == 0 ? 0 : 1;
                    }
                    used = end;
                }
                requireEqual(expected, found, used, expected.length, at);
                at += expected.length;
            }
        }
        return left;
    }

    private static void requireEqual(byte[] expected, byte[] found, int from, int to, long at) {
        int mismatch = Arrays.mismatch(expected, from, to, found, from, to);
        if (mismatch >= 0) {
            int i = from + mismatch;
            fail("the guest's byte at %d is %d and was %d".formatted(at + i, found[i], expected[i]));
        }
    }

    /** Not a zero in it. */
    private static byte[] content(Random random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        for (int i = 0; i < length; i++) {
            bytes[i] = bytes[i] == 0 ? 1 : bytes[i];
        }
        return bytes;
    }

    /** LVM's tools on these devices alone, with nothing of the host's configuration. */
    private record Lvm(Path directory, List<String> devices) {
        private static final String NO_KERNEL = " global{locking_type=0 use_lvmpolld=0 use_lvmlockd=0}"
                + " backup{backup=0 archive=0} activation{udev_sync=0 udev_rules=0 monitoring=0}";

        String run(String command, String... arguments) throws IOException {
            Path system = Files.createDirectories(directory.resolve("lvm"));
            StringBuilder filter = new StringBuilder();
            devices.forEach(device -> filter.append("\"a|^").append(device).append("$|\","));
            List<String> all = new ArrayList<>(List.of(
                    "env",
                    "LVM_SYSTEM_DIR=" + system,
                    "LVM_SUPPRESS_FD_WARNINGS=1",
                    "LC_ALL=C",
                    command,
                    "--driverloaded",
                    "n",
                    "--nolocking",
                    "--config",
                    "devices{use_devicesfile=0 filter=[" + filter + "\"r|.*|\"]}" + NO_KERNEL));
            if (!command.endsWith("s")) {
                all.add("-qy");
            }
            all.addAll(List.of(arguments));
            return ExternalTool.run(all.toArray(String[]::new))
                    .lines()
                    .filter(line -> !line.contains("WARNING"))
                    .reduce("", (text, line) -> text + line + "\n");
        }
    }
}
