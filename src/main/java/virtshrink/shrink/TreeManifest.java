package virtshrink.shrink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import virtshrink.os.ExtendedAttributes;
import virtshrink.os.PathBytes;
import virtshrink.shrink.Cancellation.RunCancelledException;

/**
 * Everything that a mounted filesystem shows: for each path its kind, mode, owner, size, time of modification, links, device numbers, extended
 * attributes, where a symbolic link leads, and the SHA-256 of a file's content. Kept as a file of one SHA-256 for each path, in a fixed order. The
 * filesystem is a guest's: it may claim to hold more than it can, and a limit ends that. Used once, by one thread.
 *
 * <p>A directory's own size is left out: it is the filesystem's affair, and may grow for a name that came and went.
 */
final class TreeManifest {
    private static final int MOST_PATHS = 2_000_000;
    /** Names of directories that are being walked through are held in memory. */
    private static final int MOST_WAITING = 400_000;

    private static final int DIGEST_BYTES = 32;
    private static final int PIECE_BYTES = 256 << 10;
    private static final int LONGEST_NAME = 200;

    private final Path root;
    private final int rootLength;
    private final long mostContentBytes;
    private final Cancellation cancellation;
    private final Runnable alive;
    private final MessageDigest digest = sha256();
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    private long contentBytes;

    /**
     * Of one filesystem.
     *
     * @param root where it is mounted
     * @param mostContentBytes files that claim to hold more together are not read to their end
     * @param alive called with every step
     */
    TreeManifest(Path root, long mostContentBytes, Cancellation cancellation, Runnable alive) {
        this.root = root;
        this.rootLength = PathBytes.escaped(root).length();
        this.mostContentBytes = mostContentBytes;
        this.cancellation = cancellation;
        this.alive = alive;
    }

    /**
     * Writes it to a new file.
     *
     * @return the number of paths
     */
    long write(Path file) throws IOException, RunCancelledException {
        try (OutputStream out =
                new BufferedOutputStream(Files.newOutputStream(file, StandardOpenOption.CREATE_NEW), PIECE_BYTES)) {
            return walk((path, found) -> out.write(found));
        }
    }

    /**
     * Compares with one that was written before.
     *
     * @throws IOException naming the first path that is not as it was
     */
    void requireSame(Path file) throws IOException, RunCancelledException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), PIECE_BYTES)) {
            walk((path, found) -> {
                if (!Arrays.equals(in.readNBytes(DIGEST_BYTES), found)) {
                    throw new IOException("%s is not what it was".formatted(named(path)));
                }
            });
            if (in.read() >= 0) {
                throw new IOException("paths that were there are missing");
            }
        }
    }

    private interface Visitor {
        void visit(Path path, byte[] digest) throws IOException;
    }

    private long walk(Visitor visitor) throws IOException, RunCancelledException {
        Deque<Iterator<Path>> waiting = new ArrayDeque<>(List.of(List.of(root).iterator()));
        int waitingPaths = 1;
        long paths = 0;
        while (!waiting.isEmpty()) {
            Iterator<Path> siblings = waiting.getLast();
            if (!siblings.hasNext()) {
                waiting.removeLast();
                continue;
            }
            step();
            Path path = siblings.next();
            waitingPaths--;
            paths++;
            Map<String, Object> facts = Files.readAttributes(path, "unix:*", LinkOption.NOFOLLOW_LINKS);
            visitor.visit(path, digestOf(path, facts));
            if (Boolean.TRUE.equals(facts.get("isDirectory"))) {
                List<Path> entries = entries(path, MOST_WAITING - waitingPaths);
                waitingPaths += entries.size();
                waiting.add(entries.iterator());
            }
            if (paths > MOST_PATHS) {
                throw new IOException("it holds more than %d paths".formatted(MOST_PATHS));
            }
        }
        return paths;
    }

    private void step() throws RunCancelledException {
        alive.run();
        cancellation.checkpoint();
    }

    private static List<Path> entries(Path directory, int most) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            for (Path entry : stream) {
                if (entries.size() >= most) {
                    throw new IOException("its directories hold too many names at once");
                }
                entries.add(entry);
            }
        }
        // Of bytes, so that it does not depend on the locale.
        Collections.sort(entries);
        return entries;
    }

    private byte[] digestOf(Path path, Map<String, Object> facts) throws IOException, RunCancelledException {
        boolean directory = Boolean.TRUE.equals(facts.get("isDirectory"));
        StringBuilder text = new StringBuilder("%s mode %s uid %s gid %s links %s device %s modified %s size %s"
                .formatted(
                        relative(path),
                        facts.get("mode"),
                        facts.get("uid"),
                        facts.get("gid"),
                        facts.get("nlink"),
                        facts.get("rdev"),
                        facts.get("lastModifiedTime"),
                        directory ? "-" : facts.get("size")));
        for (Map.Entry<String, byte[]> attribute :
                ExtendedAttributes.ofLink(path).entrySet()) {
            text.append(" attribute ").append(attribute.getKey()).append('=');
            text.append(HexFormat.of().formatHex(attribute.getValue()));
        }
        if (Boolean.TRUE.equals(facts.get("isSymbolicLink"))) {
            Path target = Files.readSymbolicLink(path);
            text.append(target.isAbsolute() ? " to " : " beside to ").append(PathBytes.escaped(target));
        }
        if (Boolean.TRUE.equals(facts.get("isRegularFile"))) {
            text.append(" content ").append(HexFormat.of().formatHex(contentOf(path)));
        }
        digest.reset();
        return digest.digest(text.toString().getBytes(UTF_8));
    }

    /** The bytes of the name, whatever the locale makes of them. */
    private String relative(Path path) {
        return PathBytes.escaped(path).substring(rootLength);
    }

    private String named(Path path) {
        String name = path.equals(root) ? "/" : relative(path);
        return name.length() > LONGEST_NAME ? name.substring(0, LONGEST_NAME) + "…" : name;
    }

    private byte[] contentOf(Path file) throws IOException, RunCancelledException {
        digest.reset();
        try (SeekableByteChannel channel =
                Files.newByteChannel(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
            while (channel.read(piece.clear()) >= 0) {
                step();
                contentBytes += piece.position();
                if (contentBytes > mostContentBytes) {
                    throw new IOException("its files claim to hold more than %d bytes".formatted(mostContentBytes));
                }
                digest.update(piece.flip());
            }
        }
        return digest.digest();
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }
}
