package virtshrink.libvirt;

import java.util.UUID;

/** Something that became of a domain, as libvirt tells it at once. */
public record DomainChange(UUID domain, String name, Kind kind) {
    /** What it means for the domain's disks; from {@code virDomainEventType} and its details in libvirt's {@code libvirt-domain.h}. */
    public enum Kind {
        /** Defined, or its definition was changed. */
        DEFINED,
        /** It is no longer defined under this name. */
        UNDEFINED,
        /** It runs: started, resumed, or come from another host or a saved state. */
        RUNS,
        /** The guest has shut itself down. */
        SHUT_DOWN,
        /** It wanted to start and could not. */
        FAILED_TO_START,
        /** It runs no longer, for another reason: destroyed, saved, migrated, crashed. */
        STOPPED_OTHERWISE;

        private static final int EVENT_DEFINED = 0;
        private static final int EVENT_UNDEFINED = 1;
        private static final int EVENT_STOPPED = 5;
        private static final int STOPPED_SHUTDOWN = 0;
        private static final int STOPPED_FAILED = 5;

        /** An event that only a newer libvirt knows counts as a sign of life. */
        static Kind of(int event, int detail) {
            return switch (event) {
                case EVENT_DEFINED -> DEFINED;
                case EVENT_UNDEFINED -> UNDEFINED;
                case EVENT_STOPPED ->
                    switch (detail) {
                        case STOPPED_SHUTDOWN -> SHUT_DOWN;
                        case STOPPED_FAILED -> FAILED_TO_START;
                        default -> STOPPED_OTHERWISE;
                    };
                default -> RUNS;
            };
        }
    }
}
