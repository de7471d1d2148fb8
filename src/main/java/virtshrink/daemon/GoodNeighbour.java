package virtshrink.daemon;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.config.LimitSettings;
import virtshrink.image.Pace;
import virtshrink.shrink.Restraint;

/** What the daemon leaves to everything else on the host, as it is configured. Thread-safe. */
final class GoodNeighbour {
    private static final Logger LOG = LoggerFactory.getLogger(GoodNeighbour.class);

    private final HostLoad load;
    private final Duration recheck;
    private final DiskSlots slots;
    private final Set<String> warned = ConcurrentHashMap.newKeySet();
    private volatile LimitSettings settings;

    /**
     * With the settings to begin with.
     *
     * @param recheck how long to wait on a busy host before looking again
     */
    GoodNeighbour(LimitSettings settings, HostLoad load, Duration recheck) {
        this.settings = settings;
        this.load = load;
        this.recheck = recheck;
        this.slots = new DiskSlots(DiskSlots.Limits.of(settings));
    }

    /** Other settings from now on; what runs already goes on as it began. */
    void follow(LimitSettings fresh) {
        settings = fresh;
        slots.limit(DiskSlots.Limits.of(fresh));
    }

    /** Shared by everything that works on disks in this process. */
    DiskSlots slots() {
        return slots;
    }

    /** For a run that begins now. */
    Restraint restraint() {
        LimitSettings now = settings;
        return new Restraint(now.reserve(), new Pace(now.ioRate(), true));
    }

    Duration recheck() {
        return recheck;
    }

    /** Why nothing new should begin on this host at this moment; empty if it may. */
    Optional<String> whyWait() {
        LimitSettings now = settings;
        return above("load for each processor", "max-load", now.maxLoad(), load::perProcessor)
                .or(() -> above("I/O pressure in percent", "max-io-pressure", now.maxIoPressure(), load::ioPressure));
    }

    private interface Figure {
        OptionalDouble now();
    }

    private Optional<String> above(String what, String key, OptionalDouble limit, Figure figure) {
        if (limit.isEmpty()) {
            return Optional.empty();
        }
        OptionalDouble now = figure.now();
        if (now.isEmpty() && warned.add(key)) {
            LOG.warn(
                    "{} has no effect: this kernel does not tell the {} (/proc/loadavg; /proc/pressure/io, which takes CONFIG_PSI and perhaps psi=1 on its command line)",
                    key,
                    what);
        }
        return now.isPresent() && now.getAsDouble() > limit.getAsDouble()
                ? Optional.of(String.format(
                        Locale.ROOT,
                        "the host is busy: its %s is %.2f, above %s",
                        what,
                        now.getAsDouble(),
                        limit.getAsDouble()))
                : Optional.empty();
    }
}
