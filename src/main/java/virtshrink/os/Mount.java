package virtshrink.os;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A line of {@code /proc/self/mountinfo}: what is mounted where.
 *
 * @param point absolute path of the mount point
 * @param type the filesystem's name, such as {@code ext4}
 * @param source what is mounted, usually a path under {@code /dev}
 * @param writable whether both this mount and the filesystem may be written to
 */
public record Mount(String point, String type, String source, boolean writable) {
    private static final Path MOUNTS = Path.of("/proc/self/mountinfo");
    private static final int POINT_FIELD = 4;
    private static final int OPTIONS_FIELD = 5;

    /** The mount on which a path lies, symbolic links resolved; empty if that cannot be told. */
    public static Optional<Mount> of(Path path) throws IOException {
        return find(
                new String(Files.readAllBytes(MOUNTS), UTF_8).lines().toList(),
                path.toRealPath().toString());
    }

    /**
     * What is mounted at exactly that point as a process sees it, the last if there are several; empty if nothing is.
     *
     * @throws IOException also if there is no such process
     */
    public static Optional<Mount> ofProcess(long pid, Path point) throws IOException {
        Optional<Mount> last = Optional.empty();
        for (String line : new String(Files.readAllBytes(Path.of("/proc/" + pid + "/mountinfo")), UTF_8)
                .lines()
                .toList()) {
            last = parse(line)
                    .filter(mount -> mount.point.equals(point.toString()))
                    .or(keep(last));
        }
        return last;
    }

    private static Supplier<Optional<Mount>> keep(Optional<Mount> found) {
        return () -> found;
    }

    /** Of two mounts on the same point the later one covers the earlier. */
    static Optional<Mount> find(List<String> lines, String path) {
        Optional<Mount> best = Optional.empty();
        for (String line : lines) {
            Optional<Mount> mount = parse(line);
            if (mount.isPresent()
                    && mount.get().holds(path)
                    && mount.get().point.length()
                            >= best.map(found -> found.point.length()).orElse(0)) {
                best = mount;
            }
        }
        return best;
    }

    /** Fields of {@code proc(5)}; a varying number of optional ones ends with a single hyphen. */
    private static Optional<Mount> parse(String line) {
        List<String> fields = List.of(line.split(" ", -1));
        int hyphen = fields.indexOf("-");
        if (hyphen <= OPTIONS_FIELD || fields.size() < hyphen + 4) {
            return Optional.empty();
        }
        return Optional.of(new Mount(
                unescape(fields.get(POINT_FIELD)),
                unescape(fields.get(hyphen + 1)),
                unescape(fields.get(hyphen + 2)),
                isWritable(fields.get(OPTIONS_FIELD)) && isWritable(fields.get(hyphen + 3))));
    }

    private static boolean isWritable(String options) {
        return List.of(options.split(",", -1)).contains("rw");
    }

    private boolean holds(String path) {
        return point.equals("/") || path.equals(point) || path.startsWith(point + "/");
    }

    /** Blank, tab, line end and backslash are written as a backslash and three octal digits. */
    private static String unescape(String field) {
        if (field.indexOf('\\') < 0) {
            return field;
        }
        byte[] escaped = field.getBytes(UTF_8);
        ByteArrayOutputStream plain = new ByteArrayOutputStream(escaped.length);
        for (int i = 0; i < escaped.length; i++) {
            if (escaped[i] == '\\' && i + 3 < escaped.length) {
                plain.write((escaped[i + 1] - '0') << 6 | (escaped[i + 2] - '0') << 3 | (escaped[i + 3] - '0'));
                i += 3;
            } else {
                plain.write(escaped[i]);
            }
        }
        return plain.toString(UTF_8);
    }
}
