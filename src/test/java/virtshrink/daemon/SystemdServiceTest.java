package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import virtshrink.os.FileStatus;

class SystemdServiceTest {
    @Test
    void saysHowTheServiceIsDoing() {
        List<String> sent = new ArrayList<>();
        SystemdService service = new SystemdService(sent::add, Optional.empty());
        service.ready();
        service.alive();
        service.status("two\nlines");
        service.reloading();
        service.stopping();
        assertEquals(List.of("READY=1", "WATCHDOG=1", "STATUS=two lines"), sent.subList(0, 3));
        assertTrue(sent.get(3).matches("RELOADING=1\nMONOTONIC_USEC=\\d+"), sent.get(3));
        assertEquals("STOPPING=1\nSTATUS=stopping", sent.get(4));
    }

    @Test
    void doesNotMindASystemdThatDoesNotListen() {
        SystemdService service =
                new SystemdService(message -> FileStatus.of(Path.of("/nowhere/at/all")), Optional.empty());
        service.ready();
    }

    @Test
    void givesSignsOfLifeTwiceAsOftenAsSystemdWantsThem() {
        assertEquals(
                Optional.of(Duration.ofSeconds(30)),
                SystemdService.watchdogInterval(Map.of("WATCHDOG_USEC", "60000000"), 7));
        assertEquals(
                Optional.of(Duration.ofSeconds(30)),
                SystemdService.watchdogInterval(Map.of("WATCHDOG_USEC", "60000000", "WATCHDOG_PID", "7"), 7));
    }

    @Test
    void givesNoneWhereNobodyWatches() {
        assertEquals(Optional.empty(), SystemdService.watchdogInterval(Map.of(), 7));
        assertEquals(
                Optional.empty(),
                SystemdService.watchdogInterval(Map.of("WATCHDOG_USEC", "60000000", "WATCHDOG_PID", "8"), 7));
        assertEquals(Optional.empty(), SystemdService.watchdogInterval(Map.of("WATCHDOG_USEC", "soon"), 7));
    }
}
