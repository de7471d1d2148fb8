package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A program of libvirtd's name stands in for it. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class HookCheckTest {
    @TempDir
    Path directory;

    private Optional<Process> daemon = Optional.empty();

    @AfterEach
    void stopDaemon() {
        daemon.ifPresent(Process::destroyForcibly);
    }

    private ProcessHandle startDaemon() throws IOException {
        Path program = Files.copy(Path.of("/usr/bin/sleep").toRealPath(), directory.resolve("virtqemud"));
        Process started = new ProcessBuilder(program.toString(), "100").start();
        daemon = Optional.of(started);
        while (!started.info().command().orElse("").equals(program.toString())) {
            Thread.onSpinWait();
        }
        return started.toHandle();
    }

    private Path installHook() throws IOException {
        Path hook = Files.writeString(directory.resolve("virt-shrink"), "#!/bin/sh\n");
        return Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static HookCheck check(Path hook, ProcessHandle... processes) {
        return new HookCheck(hook, () -> Stream.of(processes));
    }

    @Test
    void aHookThatIsThereBeforeLibvirtdStartsIsFine() throws Exception {
        Path hook = installHook();
        assertEquals(Optional.empty(), check(hook, startDaemon()).warning());
    }

    @Test
    void aHookThatIsNotInstalledIsMissed() {
        String warning = check(directory.resolve("absent")).warning().orElseThrow();
        assertTrue(warning.startsWith("there is no libvirt hook " + directory.resolve("absent")), warning);
    }

    @Test
    void aHookThatCannotBeExecutedIsNoHook() throws IOException {
        Path hook = Files.writeString(directory.resolve("virt-shrink"), "");
        assertTrue(check(hook).warning().orElseThrow().contains("not executable"));
    }

    @Test
    void aLibvirtdThatIsOlderThanTheHookIsToBeRestarted() throws Exception {
        ProcessHandle running = startDaemon();
        // The start of a process is known to two seconds only.
        long started = System.nanoTime();
        while (System.nanoTime() - started < TimeUnit.MILLISECONDS.toNanos(3100)) {
            Thread.onSpinWait();
        }
        Path hook = installHook();
        String warning = check(hook, running).warning().orElseThrow();
        assertTrue(
                warning.startsWith("virtqemud (process " + running.pid() + ") was started before the hook"), warning);
        assertTrue(warning.endsWith("systemctl restart virtqemud"), warning);
    }

    @Test
    void otherProcessesAndNoneAtAllAreFine() throws Exception {
        Path hook = installHook();
        assertEquals(Optional.empty(), check(hook).warning());
        assertEquals(Optional.empty(), check(hook, ProcessHandle.current()).warning());
    }
}
