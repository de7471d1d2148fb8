package virtshrink.filesystem;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import virtshrink.block.ExternalTool;

/**
 * Everything that a guest can see of a tree: each path with kind, mode, owner, links, size, modification time, target of a symbolic link,
 * checksum of content, and every extended attribute, access control lists among them.
 */
public final class TreeDigest {
    private static final int MOST_SHOWN = 20;

    private final SortedMap<String, String> entries;

    private TreeDigest(SortedMap<String, String> entries) {
        this.entries = entries;
    }

    /** Reads the whole tree below a directory, other filesystems mounted there included. */
    public static TreeDigest of(Path root) throws IOException {
        SortedMap<String, String> entries = described(root);
        addAttributes(root, entries);
        return new TreeDigest(entries);
    }

    /** The same of a filesystem that has no extended attributes. */
    public static TreeDigest withoutAttributes(Path root) throws IOException {
        return new TreeDigest(described(root));
    }

    private static SortedMap<String, String> described(Path root) throws IOException {
        SortedMap<String, String> entries = new TreeMap<>();
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(root)) {
            paths = walk.toList();
        }
        for (Path path : paths) {
            entries.put(root.relativize(path).toString(), describe(path));
        }
        return entries;
    }

    /** Names, sizes and checksums of regular files alone: for copies, whose times and owners mean nothing. */
    public static TreeDigest ofContent(Path root) throws IOException {
        SortedMap<String, String> entries = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path path : walk.filter(Files::isRegularFile).toList()) {
                entries.put(root.relativize(path).toString(), Files.size(path) + " bytes, content " + checksum(path));
            }
        }
        return new TreeDigest(entries);
    }

    private static String describe(Path path) throws IOException {
        Map<String, Object> facts = Files.readAttributes(path, "unix:*", LinkOption.NOFOLLOW_LINKS);
        int mode = (Integer) facts.getOrDefault("mode", 0);
        boolean directory = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
        // In place of a subvolume below a snapshot, btrfs shows an empty directory that it makes up at every mount.
        boolean madeUp = directory
                && Long.valueOf(2).equals(facts.get("ino"))
                && Long.valueOf(0).equals(facts.get("size"));
        // What a directory says of its size and links is the filesystem's own affair, but it must not change either.
        StringBuilder text = new StringBuilder("mode %o uid %s gid %s links %s size %s modified %s device %s"
                .formatted(
                        mode,
                        facts.get("uid"),
                        facts.get("gid"),
                        facts.get("nlink"),
                        facts.get("size"),
                        madeUp ? "now" : facts.get("lastModifiedTime"),
                        facts.get("rdev")));
        if (Files.isSymbolicLink(path)) {
            text.append(" to ").append(Files.readSymbolicLink(path));
        } else if (!directory && Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            text.append(" content ").append(checksum(path));
        }
        return text.toString();
    }

    private static String checksum(Path file) throws IOException {
        MessageDigest digest = sha256();
        byte[] piece = new byte[1 << 16];
        try (InputStream content = Files.newInputStream(file)) {
            for (int count = content.read(piece); count >= 0; count = content.read(piece)) {
                digest.update(piece, 0, count);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java has SHA-256", impossible);
        }
    }

    /** Lists of access control are among the attributes, as {@code system.posix_acl_*}. */
    private static void addAttributes(Path root, SortedMap<String, String> entries) throws IOException {
        ExternalTool.assume("getfattr", "attr");
        String said = ExternalTool.run(
                "getfattr", "-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "--absolute-names", root.toString());
        String file = "";
        for (String line : said.split("\n", -1)) {
            if (line.startsWith("# file: ")) {
                file = line.substring("# file: ".length());
            } else if (line.contains("=")) {
                String name = line.substring(0, line.indexOf('='));
                // Values may be long: a checksum says as much.
                String value = HexFormat.of().formatHex(sha256().digest(line.getBytes(UTF_8)));
                String relative = file.equals(root.toString())
                        ? ""
                        : file.substring(root.toString().length() + 1);
                entries.put(relative + " attribute " + name, value);
            }
        }
    }

    /** Paths and attributes. */
    public int size() {
        return entries.size();
    }

    /** Fails, with what differs, unless the other tree is the same. */
    public void assertSame(TreeDigest now, String circumstances) {
        if (equals(now)) {
            return;
        }
        List<String> differences = new ArrayList<>();
        TreeSet<String> names = new TreeSet<>(entries.keySet());
        names.addAll(now.entries.keySet());
        for (String name : names) {
            String before = entries.getOrDefault(name, "absent");
            String after = now.entries.getOrDefault(name, "absent");
            if (!before.equals(after) && differences.size() < MOST_SHOWN) {
                differences.add("%s:\n  was %s\n  is  %s".formatted(name, before, after));
            }
        }
        fail(circumstances + ": the tree is not what it was\n" + String.join("\n", differences));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TreeDigest digest && entries.equals(digest.entries);
    }

    @Override
    public int hashCode() {
        return entries.hashCode();
    }

    @Override
    public String toString() {
        return entries.size() + " entries";
    }
}
