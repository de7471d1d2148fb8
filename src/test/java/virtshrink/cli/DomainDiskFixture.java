package virtshrink.cli;

import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static virtshrink.libvirt.PrivateLibvirtd.run;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Guest disks of 48 MiB: a GPT with an ext4 that holds a file tree and a deleted file of {@value #DELETED_BYTES} random bytes, and a swap
 * that holds what was once swapped out. Made once, copied for each test.
 */
final class DomainDiskFixture {
    static final long DELETED_BYTES = 12 << 20;

    private static final int SECTOR_BYTES = 512;
    private static final long DISK_BYTES = 48L << 20;
    private static final long EXT_START = 1L << 20;
    private static final long EXT_BYTES = 40L << 20;
    private static final long SWAP_START = EXT_START + EXT_BYTES;
    private static final long SWAP_BYTES = 4L << 20;
    /** The swap's signature stands at the end of its first page. */
    private static final long SWAP_SIGNATURE = SWAP_START + 4096 - 10;

    private final Path directory;
    private final Path template;

    private DomainDiskFixture(Path directory, Path template) {
        this.directory = directory;
        this.template = template;
    }

    /** @param directory where disks are made; also holds the template */
    static DomainDiskFixture in(Path directory) throws IOException {
        for (String[] needed : new String[][] {
            {"/sbin/sgdisk", "gdisk"},
            {"/sbin/mke2fs", "e2fsprogs"},
            {"/sbin/debugfs", "e2fsprogs"},
            {"/sbin/mkswap", "util-linux"}
        }) {
            assumeTrue(Files.isExecutable(Path.of(needed[0])), "needs " + needed[0] + " (package " + needed[1] + ")");
        }
        Path scratch = Files.createDirectory(directory.resolve("template"));
        Path disk = scratch.resolve("disk.raw");
        fill(scratch, disk, SECTOR_BYTES);
        return new DomainDiskFixture(directory, disk);
    }

    private static void fill(Path scratch, Path disk, int sectorBytes) throws IOException {
        Random random = new Random(2010);
        try (FileChannel channel = open(disk, StandardOpenOption.CREATE_NEW)) {
            channel.write(ByteBuffer.allocate(1), DISK_BYTES - 1);
        }
        partition(scratch, disk, sectorBytes);
        Path tree = Files.createDirectories(scratch.resolve("tree" + sectorBytes));
        for (int i = 0; i < 24; i++) {
            Path parent = Files.createDirectories(tree.resolve("srv/data" + i % 5));
            Files.write(parent.resolve("file" + i), bytes(random, 1000 + i * 3001));
        }
        Files.createSymbolicLink(tree.resolve("link"), Path.of("srv/data1/file1"));
        Files.write(tree.resolve("deleted"), bytes(random, (int) DELETED_BYTES));
        String ext = disk + "?offset=" + EXT_START;
        run(List.of(
                "mke2fs",
                "-q",
                "-F",
                "-t",
                "ext4",
                "-d",
                tree.toString(),
                "-E",
                "offset=" + EXT_START,
                disk.toString(),
                EXT_BYTES / 1024 + "k"));
        run(List.of("debugfs", "-w", "-R", "rm deleted", ext));
        Path swap = scratch.resolve("swap" + sectorBytes);
        Files.write(swap, bytes(random, (int) SWAP_BYTES));
        run(List.of("mkswap", "-p", "4096", swap.toString()));
        try (FileChannel channel = open(disk)) {
            channel.write(ByteBuffer.wrap(Files.readAllBytes(swap)), SWAP_START);
        }
    }

    private static void partition(Path scratch, Path disk, int sectorBytes) throws IOException {
        long extFirst = EXT_START / sectorBytes;
        long swapFirst = SWAP_START / sectorBytes;
        long swapEnd = (SWAP_START + SWAP_BYTES) / sectorBytes;
        if (sectorBytes == SECTOR_BYTES) {
            run(List.of(
                    "sgdisk",
                    "-n1:%d:%d".formatted(extFirst, swapFirst - 1),
                    "-n2:%d:%d".formatted(swapFirst, swapEnd - 1),
                    "-t2:8200",
                    disk.toString()));
            return;
        }
        // sgdisk believes that every file has sectors of 512 bytes.
        assumeTrue(Files.isExecutable(Path.of("/sbin/fdisk")), "needs /sbin/fdisk (package fdisk)");
        Path script = Files.writeString(
                scratch.resolve("fdisk.in"),
                "g\nn\n1\n%d\n%d\nn\n2\n%d\n%d\nw\n".formatted(extFirst, swapFirst - 1, swapFirst, swapEnd - 1));
        run(List.of("sh", "-c", "fdisk -w never -b %d %s < %s".formatted(sectorBytes, disk, script)));
    }

    private static byte[] bytes(Random random, int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    private static FileChannel open(Path file, StandardOpenOption... more) throws IOException {
        List<StandardOpenOption> options = new ArrayList<>(List.of(StandardOpenOption.WRITE));
        options.addAll(List.of(more));
        return FileChannel.open(file, options.toArray(StandardOpenOption[]::new));
    }

    /** The disk as a raw file. */
    Path raw(String name) throws IOException {
        Path disk = directory.resolve(name);
        return Files.copy(template, disk, StandardCopyOption.COPY_ATTRIBUTES);
    }

    /** The same on a disk with sectors of 4096 bytes, as qcow2. */
    Path qcow2WithLargeSectors(String name) throws IOException {
        Path disk = template.resolveSibling("disk-4096.raw");
        fill(template.getParent(), disk, 4096);
        return convert(disk, name);
    }

    /** The disk as qcow2 with the options of {@code qemu-img convert}. */
    Path qcow2(String name, String... options) throws IOException {
        return convert(template, name, options);
    }

    /** Likewise, with the ext4 as after a power cut: its journal wants to be replayed. */
    Path dirty(String name) throws IOException {
        Path disk = raw(name + ".raw");
        run(List.of("debugfs", "-w", "-R", "feature needs_recovery", disk + "?offset=" + EXT_START));
        return convertAndDelete(disk, name);
    }

    /** Likewise, with a suspended Linux in the swap. */
    Path hibernated(String name) throws IOException {
        Path disk = raw(name + ".raw");
        try (FileChannel channel = open(disk)) {
            channel.write(ByteBuffer.wrap("S1SUSPEND\0".getBytes(StandardCharsets.US_ASCII)), SWAP_SIGNATURE);
        }
        return convertAndDelete(disk, name);
    }

    /** An overlay that holds the whole deleted file and more, on a base that holds the rest. */
    Path chain(String name, String baseName) throws IOException {
        qcow2(baseName);
        Path top = directory.resolve(name);
        run(List.of("qemu-img", "create", "-q", "-f", "qcow2", "-b", baseName, "-F", "qcow2", top.toString()));
        // The same bytes again: what the guest sees does not change, but now the overlay holds them.
        Path part = template.resolveSibling(name + ".part");
        try (FileChannel channel = FileChannel.open(template)) {
            ByteBuffer bytes = ByteBuffer.allocate(24 << 20);
            channel.read(bytes, EXT_START);
            Files.write(part, bytes.array());
        }
        run(List.of(
                "qemu-io",
                "-f",
                "qcow2",
                "-c",
                "write -q -s %s %d %d".formatted(part, EXT_START, 24 << 20),
                top.toString()));
        Files.delete(part);
        return top;
    }

    private Path convertAndDelete(Path raw, String name) throws IOException {
        Path image = convert(raw, name);
        Files.delete(raw);
        return image;
    }

    private Path convert(Path raw, String name, String... options) throws IOException {
        Path image = directory.resolve(name);
        List<String> command = new ArrayList<>(List.of("qemu-img", "convert", "-f", "raw", "-O", "qcow2"));
        command.addAll(Arrays.asList(options));
        command.addAll(List.of(raw.toString(), image.toString()));
        run(command);
        return image;
    }

    /** Every path of the ext4 on an image with its content, as text that can be compared; the filesystem must be clean. */
    NavigableMap<String, String> tree(Path image, String format) throws IOException {
        Path scratch = Files.createTempDirectory(template.getParent(), "tree");
        Path disk = scratch.resolve("disk.raw");
        run(List.of("qemu-img", "convert", "-U", "-f", format, "-O", "raw", image.toString(), disk.toString()));
        String ext = disk + "?offset=" + EXT_START;
        run(List.of("e2fsck", "-fn", ext));
        Path dump = Files.createDirectory(scratch.resolve("dump"));
        run(List.of("debugfs", "-R", "rdump / " + dump, ext));
        NavigableMap<String, String> found = new TreeMap<>();
        try (Stream<Path> all = Files.walk(dump)) {
            for (Path path : all.toList()) {
                found.put(dump.relativize(path).toString(), describe(path));
            }
        }
        deleteAll(scratch);
        return found;
    }

    /** What every disk of this fixture holds. */
    NavigableMap<String, String> tree() throws IOException {
        return tree(template, "raw");
    }

    private static String describe(Path path) throws IOException {
        if (Files.isSymbolicLink(path)) {
            return "-> " + Files.readSymbolicLink(path);
        }
        return Files.isDirectory(path) ? "directory" : Arrays.hashCode(Files.readAllBytes(path)) + "";
    }

    private static void deleteAll(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(path);
            }
        }
    }
}
