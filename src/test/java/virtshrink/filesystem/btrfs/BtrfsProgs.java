package virtshrink.filesystem.btrfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.ZeroFreeSpace;

/** The filesystem's own tools, and a map of free space made of nothing but what they print. */
public final class BtrfsProgs {
    private static final Pattern FIELD = Pattern.compile("^(\\w+)\\s+(\\d+)", Pattern.MULTILINE);
    private static final Pattern CHUNK = Pattern.compile("key \\(FIRST_CHUNK_TREE CHUNK_ITEM (\\d+)\\)");
    private static final Pattern LENGTH = Pattern.compile("^\\s+length (\\d+) owner");
    private static final Pattern STRIPE = Pattern.compile("^\\s+stripe \\d+ devid \\d+ offset (\\d+)");
    private static final Pattern EXTENT = Pattern.compile("key \\((\\d+) (EXTENT_ITEM|METADATA_ITEM) (\\d+)\\)");

    private static final long LONG_BYTES = 16 << 20;

    private BtrfsProgs() {}

    static void assumeInstalled() {
        ExternalTool.assume("mkfs.btrfs", "btrfs-progs");
        ExternalTool.assume("btrfs", "btrfs-progs");
    }

    /** @param options as on the command line, separated by one space; may be empty */
    static Path make(Path image, long sizeBytes, String options) throws IOException {
        ExternalTool.sparse(image, sizeBytes);
        List<String> command = new ArrayList<>(List.of("mkfs.btrfs", "-q", "-f", "-K"));
        if (!options.isEmpty()) {
            command.addAll(List.of(options.split(" ", -1)));
        }
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return image;
    }

    /**
     * What the tools say.
     *
     * @param freeBytes {@code total_bytes - bytes_used} of {@code dump-super}
     * @param free the device without the extents of {@code dump-tree}, their copies, the first MiB and the superblocks
     */
    public record Dump(long freeBytes, RangeSet free) {}

    /** Asks about a file that holds the filesystem and nothing else. */
    public static Dump dump(Path image) throws IOException {
        String superblock = ExternalTool.run("btrfs", "inspect-internal", "dump-super", image.toString());
        long totalBytes = field(superblock, "total_bytes");
        long nodesize = field(superblock, "nodesize");
        List<Chunk> chunks = chunks(tree(image, "chunk"));
        RangeSet.Builder used =
                RangeSet.builder().add(0, 1 << 20).add(64L << 20, 64 << 10).add(256L << 30, 64 << 10);
        Matcher extent = EXTENT.matcher(tree(image, "extent"));
        while (extent.find()) {
            long start = Long.parseLong(extent.group(1));
            long length = extent.group(2).equals("EXTENT_ITEM") ? Long.parseLong(extent.group(3)) : nodesize;
            Chunk chunk = chunks.stream()
                    .filter(candidate ->
                            candidate.logical() <= start && start + length <= candidate.logical() + candidate.length())
                    .findFirst()
                    .orElseThrow();
            chunk.stripes().forEach(stripe -> used.add(stripe + start - chunk.logical(), length));
        }
        RangeSet device = RangeSet.of(new ByteRange(0, totalBytes));
        return new Dump(totalBytes - field(superblock, "bytes_used"), device.subtract(used.build()));
    }

    /** The reader says what the tools say, to the byte. */
    static FilesystemState.FreeSpace assertExact(Path image) throws IOException {
        Dump expected = dump(image);
        FilesystemState state = read(image).state();
        FilesystemState.FreeSpace space = assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
        assertEquals(expected.freeBytes(), space.freeBytes());
        assertEquals(RangeSet.empty(), space.free().subtract(expected.free()), "free here, used to the tools");
        assertEquals(RangeSet.empty(), expected.free().subtract(space.free()), "used here, free to the tools");
        return space;
    }

    /** As a shrink does it; what is long is punched out of the file, unread. */
    static void zero(Path image, RangeSet free) throws IOException {
        RangeSet.Builder shorter = RangeSet.builder();
        for (ByteRange range : free) {
            if (range.lengthBytes() < LONG_BYTES) {
                shorter.add(range);
            } else {
                ExternalTool.run(
                        "fallocate",
                        "--punch-hole",
                        "--offset",
                        Long.toString(range.startBytes()),
                        "--length",
                        Long.toString(range.lengthBytes()),
                        image.toString());
            }
        }
        ZeroFreeSpace.zero(image, shorter.build());
    }

    static FilesystemReport read(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return new BtrfsReader().read(volume);
        }
    }

    /** What the checker says, with the checksum of every byte of every file; not of the image's name. */
    static String check(Path image) throws IOException {
        ExternalTool.Result result =
                ExternalTool.attempt("", "btrfs", "check", "--readonly", "--check-data-csum", image.toString());
        return result.exitCode() + "\n" + result.output().replace(image.toString(), "IMAGE");
    }

    /** The checker finds nothing wrong. */
    static void assertClean(Path image) throws IOException {
        String said = check(image);
        assertEquals("0", said.lines().findFirst().orElse(""), said);
    }

    static long field(String dumpSuper, String name) {
        Matcher field = FIELD.matcher(dumpSuper);
        while (field.find()) {
            if (field.group(1).equals(name)) {
                return Long.parseLong(field.group(2));
            }
        }
        throw new AssertionError("no " + name + " in " + dumpSuper);
    }

    static String tree(Path image, String name) throws IOException {
        return ExternalTool.run("btrfs", "inspect-internal", "dump-tree", "-t", name, image.toString());
    }

    private record Chunk(long logical, long length, List<Long> stripes) {}

    private static List<Chunk> chunks(String tree) {
        List<Chunk> chunks = new ArrayList<>();
        long logical = 0;
        for (String line : tree.lines().toList()) {
            Matcher key = CHUNK.matcher(line);
            Matcher length = LENGTH.matcher(line);
            Matcher stripe = STRIPE.matcher(line);
            if (key.find()) {
                logical = Long.parseLong(key.group(1));
            } else if (length.find()) {
                chunks.add(new Chunk(logical, Long.parseLong(length.group(1)), new ArrayList<>()));
            } else if (stripe.find()) {
                chunks.get(chunks.size() - 1).stripes().add(Long.parseLong(stripe.group(1)));
            }
        }
        return chunks;
    }
}
