package virtshrink.image;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The sandbox of systemd that this process may run in: there, all directories are read-only but those that its unit names.
 *
 * @param unit the unit's name as {@code systemctl edit} wants it, which the unit puts into the environment; empty outside of systemd
 */
record ServiceSandbox(Optional<String> unit) {
    private static final String VARIABLE = "VIRT_SHRINK_UNIT";

    static ServiceSandbox ofProcess() {
        return new ServiceSandbox(Optional.ofNullable(System.getenv(VARIABLE)).filter(name -> !name.isEmpty()));
    }

    /** Why a directory of images is read-only in here, and what to do about it; empty outside of a sandbox. */
    Optional<String> whyReadOnly(Path directory) {
        return unit.map(name ->
                ("the service %s may not write to %s: if it is to shrink images there, name the directory with \"systemctl edit"
                                + " %s\", as [Service] and ReadWritePaths=%s, and restart the service")
                        .formatted(name, directory, name, directory));
    }
}
