package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Where the tools are: each is looked up once, in a fixed list of directories, whatever the caller's {@code PATH} says. The environment
 * variable {@value #OVERRIDE} names one more absolute directory that is searched first. Thread-safe.
 */
final class ToolPaths {
    static final String OVERRIDE = "VIRT_SHRINK_TOOLS";

    private static final List<Path> DIRECTORIES = List.of(
            Path.of("/usr/bin"), Path.of("/usr/sbin"), Path.of("/bin"), Path.of("/sbin"), Path.of("/usr/local/bin"));
    private static final Map<String, String> PACKAGES = Map.of(
            "qemu-img", "qemu-utils or qemu-img",
            "qemu-nbd", "qemu-utils or qemu-img",
            "setpriv", "util-linux");

    private final List<Path> directories;
    private final Map<String, Path> found = new ConcurrentHashMap<>();

    private ToolPaths(List<Path> directories) {
        this.directories = directories;
    }

    static ToolPaths standard() {
        return new ToolPaths(DIRECTORIES);
    }

    static ToolPaths fromEnvironment() {
        String override = System.getenv(OVERRIDE);
        return override == null || override.isEmpty() ? standard() : preferring(Path.of(override));
    }

    static ToolPaths preferring(Path directory) {
        if (!directory.isAbsolute()) {
            throw new IllegalArgumentException(OVERRIDE + " must be an absolute directory: " + directory);
        }
        List<Path> all = new ArrayList<>(List.of(directory));
        all.addAll(DIRECTORIES);
        return new ToolPaths(List.copyOf(all));
    }

    /** The fixed search path as children get it. */
    static String searchPath() {
        return String.join(":", DIRECTORIES.stream().map(Path::toString).toList());
    }

    /**
     * Absolute path of a tool.
     *
     * @param name a plain file name
     * @throws IOException naming the package to install, if there is none
     */
    Path locate(String name) throws IOException {
        Path known = found.get(name);
        if (known != null) {
            return known;
        }
        for (Path directory : directories) {
            Path candidate = directory.resolve(name);
            if (Files.isRegularFile(candidate) && Files.isExecutable(candidate)) {
                found.put(name, candidate);
                return candidate;
            }
        }
        throw new IOException("%s is not installed: looked in %s; install %s"
                .formatted(
                        name,
                        String.join(
                                ", ", directories.stream().map(Path::toString).toList()),
                        PACKAGES.getOrDefault(name, "the package that has it")));
    }
}
