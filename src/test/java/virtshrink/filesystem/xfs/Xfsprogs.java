package virtshrink.filesystem.xfs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;

/** What the XFS project's own tools make and say. */
public final class Xfsprogs {
    private static final Pattern FIELD = Pattern.compile("^(\\w+) = (\\S+)$", Pattern.MULTILINE);
    private static final Pattern EXTENT = Pattern.compile("^ +(\\d+) +(\\d+) +(\\d+)$", Pattern.MULTILINE);
    private static final Pattern LIST_ENTRY = Pattern.compile("(\\d+):(\\d+|null)");

    private Xfsprogs() {}

    static void assumeInstalled() {
        ExternalTool.assume("mkfs.xfs", "xfsprogs");
        ExternalTool.assume("xfs_db", "xfsprogs");
    }

    /** A new filesystem in a sparse file. */
    static Path make(Path image, long sizeBytes, String... options) throws IOException {
        ExternalTool.sparse(image, sizeBytes);
        // As the XFS project's own tests ask for it: filesystems below 300 MB, of one group, with a small log, as they
        // were
        // made for long.
        List<String> command =
                new ArrayList<>(List.of("env", "TEST_DIR=x", "TEST_DEV=x", "QA_CHECK_FS=x", "mkfs.xfs", "-q", "-f"));
        command.addAll(Arrays.asList(options));
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return image;
    }

    static FilesystemReport read(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return new XfsReader().read(volume);
        }
    }

    /** Changes nothing. */
    static String db(Path image, String... commands) throws IOException {
        return db(image, List.of("-r"), commands);
    }

    /** Changes fields and makes checksums right again. */
    static String write(Path image, String... commands) throws IOException {
        return db(image, List.of("-x"), commands);
    }

    private static String db(Path image, List<String> options, String... commands) throws IOException {
        List<String> command = new ArrayList<>(List.of("xfs_db"));
        command.addAll(options);
        for (String each : commands) {
            command.addAll(List.of("-c", each));
        }
        command.add(image.toString());
        return ExternalTool.run(command.toArray(String[]::new));
    }

    /** The fields that {@code xfs_db} prints after the given command. */
    static Map<String, String> fields(Path image, String... commands) throws IOException {
        Map<String, String> fields = new HashMap<>();
        Matcher matcher = FIELD.matcher(db(image, commands));
        while (matcher.find()) {
            fields.put(matcher.group(1), matcher.group(2));
        }
        return fields;
    }

    static long field(Path image, String at, String name) throws IOException {
        return Long.decode(fields(image, at, "print " + name).get(name));
    }

    /** Whether {@code xfs_logprint} finds nothing to replay. */
    static boolean isLogClean(Path image) throws IOException {
        return ExternalTool.run("xfs_logprint", "-t", image.toString()).contains("<CLEAN>");
    }

    /**
     * What xfs_db says is free.
     *
     * @param free the extents of the trees, without what is in the free lists
     * @param freeBytes the sum of {@code agf_freeblks}
     */
    public record Reference(long freeBytes, RangeSet free, long blockBytes, long totalBytes) {}

    /** Asks about a file that holds the filesystem and nothing else. */
    public static Reference reference(Path image) throws IOException {
        Map<String, String> sb = fields(image, "sb 0", "print blocksize agblocks agcount dblocks");
        long blockBytes = Long.parseLong(sb.get("blocksize"));
        long agBlocks = Long.parseLong(sb.get("agblocks"));
        int groups = Integer.parseInt(sb.get("agcount"));
        List<String> commands = new ArrayList<>();
        for (int group = 0; group < groups; group++) {
            commands.addAll(
                    List.of("agf " + group, "print freeblks flfirst fllast flcount", "agfl " + group, "print bno"));
        }
        String[] answers = db(image, commands.toArray(String[]::new)).split("(?m)^(?=freeblks)", -1);
        long freeBlocks = 0;
        RangeSet.Builder lists = RangeSet.builder();
        for (int group = 0; group < groups; group++) {
            String answer = answers[group];
            Map<String, Long> agf = new HashMap<>();
            Matcher matcher = FIELD.matcher(answer);
            while (matcher.find()) {
                agf.put(matcher.group(1), Long.parseLong(matcher.group(2)));
            }
            freeBlocks += agf.get("freeblks");
            List<String> entries = new ArrayList<>();
            Matcher entry = LIST_ENTRY.matcher(answer.substring(answer.indexOf("bno[")));
            while (entry.find()) {
                entries.add(entry.group(2));
            }
            for (int i = 0; i < agf.get("flcount"); i++) {
                String block = entries.get((int) ((agf.get("flfirst") + i) % entries.size()));
                lists.add((group * agBlocks + Long.parseLong(block)) * blockBytes, blockBytes);
            }
        }
        // The tool's list of free extents has the entries of the free lists among them.
        RangeSet.Builder extents = RangeSet.builder();
        Matcher extent = EXTENT.matcher(db(image, "freesp -d"));
        while (extent.find() && Long.parseLong(extent.group(1)) < groups) {
            long block = Long.parseLong(extent.group(1)) * agBlocks + Long.parseLong(extent.group(2));
            extents.add(block * blockBytes, Long.parseLong(extent.group(3)) * blockBytes);
        }
        return new Reference(
                freeBlocks * blockBytes,
                extents.build().subtract(lists.build()),
                blockBytes,
                Long.parseLong(sb.get("dblocks")) * blockBytes);
    }
}
