package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Tools that are the real ones, except that each start is counted and one of them does something else. */
final class TrappedTools {
    private static final List<String> TOOLS = List.of("qemu-img", "qemu-nbd");

    private final Path directory;

    private TrappedTools(Path directory) {
        this.directory = directory;
    }

    /** Real ones. */
    static TrappedTools in(Path directory) throws IOException {
        Files.createDirectories(directory);
        for (String tool : TOOLS) {
            write(directory.resolve(tool), """
                    #!/bin/sh
                    case $0 in */qemu-nbd) key=qemu-nbd ;; *) key=$1 ;; esac
                    echo >> "${0%%/*}/$key.starts"
                    if [ -e "${0%%/*}/$key.$(wc -l < "${0%%/*}/$key.starts").trap" ]; then
                        : > "${0%%/*}/trapped"
                        . "${0%%/*}/$key.$(wc -l < "${0%%/*}/$key.starts").trap"
                    fi
                    exec /usr/bin/%s "$@"
                    """.formatted(tool));
        }
        return new TrappedTools(directory);
    }

    private static void write(Path script, String text) throws IOException {
        Files.writeString(script, text);
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** For the daemon. */
    Map<String, String> environment() {
        return Map.of("VIRT_SHRINK_TOOLS", directory.toString());
    }

    /**
     * Sets a trap and begins to count anew.
     *
     * @param call {@code convert 1}: the first call of {@code qemu-img convert}; {@code qemu-nbd 2}: the second of {@code qemu-nbd}
     * @param shell what is done before the tool goes on, or instead if it does not return
     */
    void trap(String call, String shell) throws IOException {
        clear();
        Files.writeString(directory.resolve(call.replace(' ', '.') + ".trap"), shell + "\n");
    }

    /** Sets no trap and begins to count anew. */
    void clear() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                if (!TOOLS.contains(String.valueOf(file.getFileName()))) {
                    Files.delete(file);
                }
            }
        }
    }

    /** Whether anything went into the trap. */
    boolean hasTrapped() {
        return Files.exists(directory.resolve("trapped"));
    }

    /** How many tools were started. */
    long starts() throws IOException {
        long found = 0;
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file :
                    files.filter(name -> name.toString().endsWith(".starts")).toList()) {
                found += Files.size(file);
            }
        }
        return found;
    }
}
