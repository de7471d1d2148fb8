package virtshrink.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What the administrator has decided. Immutable.
 *
 * @param connect URI of the hypervisor
 * @param controlGroup whose members may use the control socket, besides root
 * @param history what is remembered of past runs
 * @param metrics where figures are shown
 * @param limits what is left to everything else on the host
 * @param schedules at least one, in the order of their names
 */
public record Configuration(
        String connect,
        Optional<String> controlGroup,
        History history,
        MetricsSettings metrics,
        LimitSettings limits,
        List<ScheduleSettings> schedules) {
    /** Where the daemon looks unless told otherwise. */
    public static final Path STANDARD_PATH = Path.of("/etc/virt-shrink/virt-shrinkd.toml");

    public Configuration {
        schedules = List.copyOf(schedules);
    }

    /**
     * What is remembered of past runs.
     *
     * @param directory absolute
     * @param keepDays at least 1
     */
    public record History(Path directory, int keepDays) {
        /** Where it is kept unless told otherwise. */
        public static final Path STANDARD_DIRECTORY = Path.of("/var/lib/virt-shrink");
    }
}
