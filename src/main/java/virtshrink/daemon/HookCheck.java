package virtshrink.daemon;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether libvirt calls the hook by which a starting guest gets its disk back. libvirtd looks for hooks once, at its own start. Warns in the log,
 * each time only of what is new.
 */
final class HookCheck {
    private static final Logger LOG = LoggerFactory.getLogger(HookCheck.class);

    /** Where the package puts it. */
    static final Path STANDARD_PLACE = Path.of("/etc/libvirt/hooks/qemu.d/virt-shrink");

    private static final Path PROCESSES = Path.of("/proc");
    private static final Predicate<String> ONE_PID =
            Pattern.compile("NSpid:\\s+\\d+").asMatchPredicate();
    private static final Set<String> DAEMONS = Set.of("libvirtd", "virtqemud");

    /** A process' start is known to the clock tick, but the host's start, from which it is counted, only to the second. */
    private static final Duration BLUR = Duration.ofSeconds(2);

    private final Path hook;
    private final Supplier<Stream<ProcessHandle>> processes;
    private Optional<String> warned = Optional.empty();

    HookCheck(Path hook, Supplier<Stream<ProcessHandle>> processes) {
        this.hook = hook;
        this.processes = processes;
    }

    /** For the libvirt of this host; one in a container has hooks of its own. */
    static HookCheck ofHost() {
        return new HookCheck(STANDARD_PLACE, () -> ProcessHandle.allProcesses().filter(HookCheck::isOfThisHost));
    }

    /** To be called when libvirt has been reached. */
    void run() {
        Optional<String> warning = warning();
        if (warning.isPresent() && !warning.equals(warned)) {
            LOG.warn(warning.get());
        }
        warned = warning;
    }

    /** What keeps the hook from being called, and what to do; empty if nothing is known to. */
    Optional<String> warning() {
        Instant installed;
        try {
            // Not its modification time: a package brings that along.
            installed = ((FileTime) Files.getAttribute(hook, "unix:ctime")).toInstant();
        } catch (IOException absent) {
            return Optional.of("there is no libvirt hook " + hook
                    + ": a guest whose disk is being worked on fails to start until the work has been cancelled; install the hook that comes"
                    + " with virt-shrink, then restart libvirtd or virtqemud");
        }
        if (!Files.isExecutable(hook)) {
            return Optional.of("the libvirt hook " + hook + " is not executable, so libvirt does not call it");
        }
        return processes
                .get()
                .filter(HookCheck::isLibvirt)
                .filter(process -> startedBefore(process, installed))
                .findFirst()
                .map(process -> name(process) + " (process " + process.pid() + ") was started before the hook " + hook
                        + " was installed, and may not call it: a guest whose disk is being worked on may fail to start; restart it, with:"
                        + " systemctl restart " + name(process));
    }

    private static boolean startedBefore(ProcessHandle process, Instant installed) {
        return process.info()
                .startInstant()
                .filter(start -> start.plus(BLUR).isBefore(installed))
                .isPresent();
    }

    private static boolean isLibvirt(ProcessHandle process) {
        return DAEMONS.contains(name(process));
    }

    /** What anybody may read: which file it is would be told to none but the privileged, and the daemon's unit makes it less than that. */
    private static String name(ProcessHandle process) {
        try {
            return Files.readString(PROCESSES.resolve(process.pid() + "/comm")).strip();
        } catch (IOException gone) {
            return "";
        }
    }

    /** A process in a container has a number of its own there as well. */
    private static boolean isOfThisHost(ProcessHandle process) {
        try (Stream<String> status = Files.lines(PROCESSES.resolve(process.pid() + "/status"))) {
            return status.anyMatch(ONE_PID);
        } catch (IOException | UncheckedIOException gone) {
            return false;
        }
    }
}
