package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.RangeSet;
import virtshrink.os.LoopMount;

/**
 * A disk as a guest leaves it that was shut down: a GPT with an ext4 that holds files and the bytes of deleted ones, and a swap that was used.
 * It is a sparse raw file and the judge of what a run made of it: {@code dumpe2fs}, not the code under test, says what is free.
 */
public final class GuestDisk {
    public static final long DISK_BYTES = 64L << 20;

    static final long EXT4_START = 1L << 20;
    static final long EXT4_BYTES = 44L << 20;
    static final long SWAP_START = EXT4_START + EXT4_BYTES;
    static final long SWAP_BYTES = 12L << 20;
    /** Bytes of deleted files, in one piece, and of swap pages: what there is to win. */
    static final int DELETED_BYTES = 16 << 20;

    static final int SWAPPED_BYTES = 4 << 20;

    private static final int SWAP_PAGE = 4096;
    private static final int PIECE = 1 << 20;
    private static final long MIB = 1 << 20;
    private static final Pattern BLOCK_SIZE = Pattern.compile("(?m)^Block size:\\s+(\\d+)$");
    private static final Pattern FREE = Pattern.compile("(?m)^ {2}Free blocks: (.+)$");

    private final Path raw;

    private GuestDisk(Path raw) {
        this.raw = raw;
    }

    /** The one that tests share, made when first needed; nobody changes it. */
    static synchronized GuestDisk shared() throws IOException {
        return Shared.DISK;
    }

    private static final class Shared {
        private static final GuestDisk DISK = make();

        private static GuestDisk make() {
            try {
                Path directory = Files.createTempDirectory("guest-disk");
                directory.toFile().deleteOnExit();
                GuestDisk disk = GuestDisk.make(directory, "disk.raw", 1);
                disk.raw.toFile().deleteOnExit();
                return disk;
            } catch (IOException problem) {
                throw new UncheckedIOException(problem);
            }
        }
    }

    /** Skips the test, by name, where a tool is absent that is needed to make and judge disks. */
    static void assumeTools() {
        ExternalTool.assume("qemu-img", "qemu-utils");
        ExternalTool.assume("qemu-io", "qemu-utils");
        ExternalTool.assume("mke2fs", "e2fsprogs");
        ExternalTool.assume("debugfs", "e2fsprogs");
        ExternalTool.assume("sgdisk", "gdisk");
        ExternalTool.assume("mkswap", "util-linux");
    }

    /** Makes a new one from a seed: files, deleted files, swapped pages. */
    public static GuestDisk make(Path directory, String name, long seed) throws IOException {
        return make(directory, name, seed, DELETED_BYTES);
    }

    /** As {@link #make(Path, String, long)} with more deleted bytes. */
    static GuestDisk make(Path directory, String name, long seed, int deletedBytes) throws IOException {
        long more = (deletedBytes - DELETED_BYTES) / MIB * MIB * 9 / 8;
        Path raw = ExternalTool.sparse(directory.resolve(name), DISK_BYTES + more);
        long extBytes = EXT4_BYTES + more;
        ExternalTool.run(
                "sgdisk",
                "-n=1:" + EXT4_START / 512 + ":+" + extBytes / 1024 + "K",
                "-t=1:8300",
                "-n=2:0:+" + SWAP_BYTES / 1024 + "K",
                "-t=2:8200",
                raw.toString());
        Path tree = Files.createDirectory(directory.resolve(name + ".tree"));
        try {
            Random random = new Random(seed);
            plant(tree, random);
            write(tree.resolve("deleted"), random, deletedBytes);
            ExternalTool.run(
                    "mke2fs",
                    "-q",
                    "-F",
                    "-t",
                    "ext4",
                    "-b",
                    "4096",
                    "-L",
                    "root",
                    "-E",
                    "offset=" + EXT4_START,
                    "-d",
                    tree.toString(),
                    raw.toString(),
                    extBytes / 1024 + "K");
            GuestDisk disk = new GuestDisk(raw);
            disk.debugfs("rm /deleted");
            disk.makeSwap(extBytes + EXT4_START, random);
            return disk;
        } finally {
            delete(tree);
        }
    }

    /** A later state of the same guest in a new file: some files are gone, others have come, and there is more deleted data. */
    GuestDisk later(Path file, long seed) throws IOException {
        ExternalTool.run("cp", "--sparse=always", raw.toString(), file.toString());
        GuestDisk later = new GuestDisk(file);
        Path scratch = Files.createTempDirectory(file.getParent(), "later");
        try {
            Random random = new Random(seed);
            write(scratch.resolve("kept"), random, 3 << 20);
            write(scratch.resolve("gone"), random, 5 << 20);
            later.debugfs(
                    "rm /data/file" + seed % 10,
                    "write " + scratch.resolve("gone") + " gone" + seed,
                    "write " + scratch.resolve("kept") + " kept" + seed,
                    "rm /gone" + seed);
            return later;
        } finally {
            delete(scratch);
        }
    }

    /** The same disk with a filesystem that has hardly any room left and hardly any deleted bytes. */
    GuestDisk nearlyFull(Path file) throws IOException {
        ExternalTool.run("cp", "--sparse=always", raw.toString(), file.toString());
        GuestDisk full = new GuestDisk(file);
        Path filling = file.resolveSibling(file.getFileName() + ".filling");
        try {
            long free = full.free().totalBytes() - SWAP_BYTES;
            write(filling, new Random(7), Math.toIntExact(free - (1 << 20)));
            full.debugfs("write " + filling + " filling");
            return full;
        } finally {
            Files.delete(filling);
        }
    }

    /** A raw file as it is. */
    static GuestDisk in(Path raw) {
        return new GuestDisk(raw);
    }

    Path raw() {
        return raw;
    }

    long sizeBytes() throws IOException {
        return Files.size(raw);
    }

    /** A new image with this disk's content. */
    Path imageIn(Path file, String format, String... convertArguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("qemu-img", "convert", "-f", "raw", "-O", format));
        command.addAll(List.of(convertArguments));
        command.addAll(List.of(raw.toString(), file.toString()));
        ExternalTool.run(command.toArray(String[]::new));
        return file;
    }

    /** A qcow2 overlay that holds what this disk has otherwise than an earlier state; only whole 4 KiB are written. */
    Path layerOn(GuestDisk earlier, Path overlay, String backingName, String backingFormat, String... createArguments)
            throws IOException {
        List<String> create = new ArrayList<>(
                List.of("qemu-img", "create", "-q", "-f", "qcow2", "-b", backingName, "-F", backingFormat));
        create.addAll(List.of(createArguments));
        create.addAll(List.of(overlay.toString(), Long.toString(sizeBytes())));
        ExternalTool.run(create.toArray(String[]::new));
        Path scratch = Files.createTempDirectory(overlay.getParent(), "layer");
        List<String> write = new ArrayList<>(List.of("qemu-io", "-f", "qcow2"));
        try (FileChannel now = FileChannel.open(raw)) {
            for (ByteRange range : differences(earlier.raw)) {
                Path pattern = scratch.resolve(Long.toString(range.startBytes()));
                Files.write(
                        pattern,
                        read(now, range.startBytes(), Math.toIntExact(range.lengthBytes()))
                                .array());
                write.addAll(
                        List.of("-c", "write -s %s %d %d".formatted(pattern, range.startBytes(), range.lengthBytes())));
            }
            write.add(overlay.toString());
            ExternalTool.run(write.toArray(String[]::new));
        } finally {
            delete(scratch);
        }
        return overlay;
    }

    /**
     * The image shows this guest its disk: every byte outside free space is equal, every byte in it equal or zero, and e2fsck is content.
     *
     * @param format of the image, which qemu-img is told
     * @return bytes in free space that are still there
     */
    long requireSameIn(Path image, String format) throws IOException {
        Path copy = Files.createTempFile("result", ".raw");
        try {
            ExternalTool.run("qemu-img", "convert", "-f", format, "-O", "raw", image.toString(), copy.toString());
            long left = requireSameBytes(copy);
            ExternalTool.Result check = ExternalTool.attempt("", "e2fsck", "-fn", ext4Of(copy));
            assertEquals(0, check.exitCode(), check.output());
            return left;
        } finally {
            Files.delete(copy);
        }
    }

    private long requireSameBytes(Path copy) throws IOException {
        RangeSet free = free();
        long left = 0;
        try (FileChannel mine = FileChannel.open(raw);
                FileChannel other = FileChannel.open(copy)) {
            assertTrue(other.size() >= mine.size(), () -> copy + " is shorter than the guest's disk");
            for (long at = 0; at < mine.size(); at += PIECE) {
                int length = (int) Math.min(PIECE, mine.size() - at);
                byte[] expected = read(mine, at, length).array();
                byte[] found = read(other, at, length).array();
                for (int i = Arrays.mismatch(expected, found); i >= 0; i = nextMismatch(expected, found, i + 1)) {
                    long offset = at + i;
                    if (found[i] != 0 || !free.contains(new ByteRange(offset, 1))) {
                        fail("the guest's byte at %d is %d and was %d".formatted(offset, found[i], expected[i]));
                    }
                }
                left += nonZeroIn(found, free.intersect(RangeSet.of(new ByteRange(at, length))), at);
            }
        }
        return left;
    }

    private static int nextMismatch(byte[] a, byte[] b, int from) {
        int found = Arrays.mismatch(a, from, a.length, b, from, b.length);
        return found < 0 ? -1 : from + found;
    }

    private static long nonZeroIn(byte[] piece, RangeSet ranges, long pieceStart) {
        long count = 0;
        for (ByteRange range : ranges) {
            int from = (int) (range.startBytes() - pieceStart);
            for (int i = from; i < from + range.lengthBytes(); i++) {
                count += piece[i] == 0 ? 0 : 1;
            }
        }
        return count;
    }

    /**
     * Every file as a mounting guest would see it: names, types, owners, modes, times, links, extended attributes and a checksum of content.
     * Needs root; what is not clean is not mounted.
     *
     * @param format of the image
     */
    static List<String> manifest(Path image, String format) throws IOException {
        LoopMount.needsRoot();
        Path scratch = Files.createTempDirectory("manifest");
        Path copy = scratch.resolve("copy.raw");
        Path mounted = Files.createDirectory(scratch.resolve("mounted"));
        try {
            ExternalTool.run("qemu-img", "convert", "-f", format, "-O", "raw", image.toString(), copy.toString());
            ExternalTool.run("mount", "-o", "ro,loop,offset=" + EXT4_START, copy.toString(), mounted.toString());
            try {
                return manifestOf(mounted);
            } finally {
                ExternalTool.run("umount", mounted.toString());
            }
        } finally {
            delete(scratch);
        }
    }

    private static List<String> manifestOf(Path root) throws IOException {
        String script = "cd \"$1\" && find . -printf '%p %y %m %U %G %n %s %T@ %l\\n' | sort"
                + " && find . -type f -print0 | sort -z | xargs -0 sha256sum"
                + " && getfattr -R -P -h -d -m - -e hex . | sort";
        return ExternalTool.run("sh", "-c", script, "sh", root.toString())
                .lines()
                .toList();
    }

    /** What is free, by other tools than the code under test: the blocks {@code dumpe2fs} lists, and swap behind its header. */
    RangeSet free() throws IOException {
        String dump = ExternalTool.run("dumpe2fs", ext4Of(raw));
        Matcher size = BLOCK_SIZE.matcher(dump);
        assertTrue(size.find(), dump);
        long block = Long.parseLong(size.group(1));
        RangeSet.Builder ranges = RangeSet.builder();
        Matcher line = FREE.matcher(dump);
        while (line.find()) {
            for (String run : line.group(1).split(", ", -1)) {
                String[] ends = run.split("-", -1);
                long first = Long.parseLong(ends[0]);
                long last = Long.parseLong(ends[ends.length - 1]);
                ranges.add(EXT4_START + first * block, (last - first + 1) * block);
            }
        }
        long swap = sizeBytes() - DISK_BYTES + SWAP_START;
        return ranges.add(swap + SWAP_PAGE, SWAP_BYTES - SWAP_PAGE).build();
    }

    /** Offset of a 64 KiB piece of the disk that holds content of a file; aligned so. */
    long usedOffset() throws IOException {
        RangeSet free = free();
        String[] blocks = ExternalTool.run("debugfs", "-R", "blocks /data/large", ext4Of(raw))
                .lines()
                .reduce((first, last) -> last)
                .orElse("")
                .strip()
                .split(" ", -1);
        for (String block : blocks) {
            long offset = EXT4_START + Long.parseLong(block) * 4096;
            if (offset % PIECE == 0 && !free.overlaps(new ByteRange(offset, 65536))) {
                return offset;
            }
        }
        throw new AssertionError("the file has no aligned blocks: " + List.of(blocks));
    }

    /** Offset of a megabyte of the disk that is free and holds deleted bytes; aligned so. */
    long deletedOffset() throws IOException {
        RangeSet free = free();
        try (FileChannel disk = FileChannel.open(raw)) {
            for (long at = EXT4_START; at < EXT4_START + EXT4_BYTES; at += PIECE) {
                if (free.contains(new ByteRange(at, PIECE))
                        && read(disk, at, PIECE).get(PIECE / 2) != 0) {
                    return at;
                }
            }
        }
        throw new AssertionError("nothing was deleted");
    }

    /** As after a crash: the journal is to be replayed. */
    void markDirty() throws IOException {
        debugfs("feature needs_recovery");
    }

    /** Runs commands of debugfs on the ext4. */
    private void debugfs(String... commands) throws IOException {
        Path script = Files.createTempFile(raw.getParent(), "debugfs", "");
        try {
            Files.writeString(script, String.join("\n", commands) + "\n");
            String said = ExternalTool.run("debugfs", "-w", "-f", script.toString(), ext4Of(raw));
            assertTrue(!said.contains("File not found") && !said.contains("while"), said);
        } finally {
            Files.delete(script);
        }
    }

    private void makeSwap(long start, Random random) throws IOException {
        Path swap = ExternalTool.sparse(raw.resolveSibling(raw.getFileName() + ".swap"), SWAP_BYTES);
        try {
            ExternalTool.run("mkswap", "-L", "swap", swap.toString());
            byte[] header = new byte[SWAP_PAGE];
            try (RandomAccessFile made = new RandomAccessFile(swap.toFile(), "r");
                    RandomAccessFile disk = new RandomAccessFile(raw.toFile(), "rw")) {
                made.readFully(header);
                disk.seek(start);
                disk.write(header);
                disk.write(content(random, SWAPPED_BYTES));
            }
        } finally {
            Files.delete(swap);
        }
    }

    private RangeSet differences(Path other) throws IOException {
        RangeSet.Builder found = RangeSet.builder();
        try (FileChannel one = FileChannel.open(raw);
                FileChannel two = FileChannel.open(other)) {
            for (long at = 0; at < one.size(); at += PIECE) {
                int length = (int) Math.min(PIECE, one.size() - at);
                // Where the other one ends, there are zeros.
                byte[] a = read(one, at, length).array();
                byte[] b = read(two, at, length).array();
                for (int i = 0; i < length; i += 4096) {
                    int end = Math.min(length, i + 4096);
                    if (!Arrays.equals(a, i, end, b, i, end)) {
                        found.add(at + i, end - i);
                    }
                }
            }
        }
        return found.build();
    }

    private static ByteBuffer read(FileChannel channel, long at, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining() && channel.read(buffer, at + buffer.position()) > 0) {
            // until all is there
        }
        return buffer;
    }

    static String ext4Of(Path raw) {
        return raw + "?offset=" + EXT4_START;
    }

    /** Files of many kinds, about 10 MiB. */
    private static void plant(Path tree, Random random) throws IOException {
        Path data = Files.createDirectory(tree.resolve("data"));
        for (int i = 0; i < 40; i++) {
            write(data.resolve("file" + i), random, random.nextInt(200_000));
        }
        write(data.resolve("large"), random, 5 << 20);
        Path etc = Files.createDirectories(tree.resolve("etc/deep/er"));
        Files.writeString(etc.resolve("motd"), "hello\n", StandardCharsets.UTF_8);
        Files.setPosixFilePermissions(etc.resolve("motd"), PosixFilePermissions.fromString("r-x-w---x"));
        Files.createSymbolicLink(tree.resolve("link"), Path.of("etc/deep"));
        Files.createLink(tree.resolve("hard"), data.resolve("file1"));
        Files.createFile(tree.resolve("empty"));
        mark(etc.resolve("motd"));
        try (RandomAccessFile sparse =
                new RandomAccessFile(tree.resolve("sparse").toFile(), "rw")) {
            sparse.setLength(3 << 20);
            sparse.seek(1 << 20);
            sparse.write(1);
        }
    }

    /** An extended attribute, where the host's filesystem has them. */
    private static void mark(Path file) throws IOException {
        UserDefinedFileAttributeView view = Files.getFileAttributeView(file, UserDefinedFileAttributeView.class);
        if (view != null && Files.getFileStore(file).supportsFileAttributeView(UserDefinedFileAttributeView.class)) {
            view.write("origin", StandardCharsets.UTF_8.encode("planted"));
        }
    }

    static void write(Path file, Random random, int length) throws IOException {
        try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW)) {
            for (int done = 0; done < length; done += PIECE) {
                out.write(content(random, Math.min(PIECE, length - done)));
            }
        }
    }

    /** Not a zero in it, and half of it can be guessed: compression has something to do. */
    private static byte[] content(Random random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        for (int i = 0; i < length; i++) {
            int guessed = (i & 63) < 32 ? 'A' + (i & 31) : bytes[i];
            bytes[i] = (byte) (guessed == 0 ? 1 : guessed);
        }
        return bytes;
    }

    static void delete(Path directory) throws IOException {
        ExternalTool.run("rm", "-rf", directory.toString());
    }
}
