package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.config.Configuration;
import virtshrink.config.ConfigurationFile;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.libvirt.DomainWatch;
import virtshrink.libvirt.Patience;
import virtshrink.libvirt.PowerOffDisk;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.policy.Schedules;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Waiting;

/** A real guest shuts itself down; only the clock is set. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class RealAfterStopTest {
    private static final Duration DELAY = Duration.ofMinutes(10);

    @TempDir
    Path directory;

    private RealHost host;
    private final AfterStop waiting = new AfterStop();

    @BeforeEach
    void startLibvirtd() throws IOException {
        host = RealHost.start(directory);
        define("off", PowerOffDisk.xml("vdb", host.images.resolve("off.img")));
        define("destroyed");
    }

    private void define(String name, String... more) throws IOException {
        Path image = UsedImage.qcow2(host.images.resolve(name + ".qcow2"), 8);
        String disk = PrivateLibvirtd.fileDisk("vda", image, "qcow2");
        host.libvirtd.defineDomain(name, disk, String.join("\n", more));
    }

    @AfterEach
    void stop() throws IOException {
        if (host != null) {
            host.current.stop();
            host.close();
        }
    }

    @Test
    void aGuestThatHasPoweredItselfOffIsShrunkAndOneThatWasDestroyedIsNot() throws Exception {
        ManualClock clock = new ManualClock("2026-11-22T14:00:00Z");
        host.clock = clock;
        Path file = Files.writeString(directory.resolve("virt-shrinkd.toml"), """
                [schedule.nightly]
                cron = "0 30 1 * * ?"
                after-stop-minutes = 10
                min-reclaim = "1M"
                exclude-paths = ["*.img"]
                connect = "%s"
                """.formatted(host.libvirtd.uri())
                .replaceFirst("(?s)(.*)(connect[^\n]*\n)", "$2$1"));
        Configuration configuration = ConfigurationFile.read(file, Schedules.CHECKS);
        DomainReactions reactions =
                new DomainReactions(host.current, waiting, () -> Schedules.of(configuration), clock);
        boolean[] connected = {false};
        new DomainEvents(
                        host.current,
                        (uri, listener) -> DomainWatch.open(uri, Patience.standard(), listener),
                        configuration::connect,
                        () -> connected[0] = true,
                        reactions::changed)
                .start();
        Waiting.until("the connection", () -> connected[0]);

        host.libvirtd.virsh("start", "destroyed");
        host.libvirtd.virsh("start", "off");
        host.libvirtd.virsh("destroy", "destroyed");
        host.libvirtd.awaitState("off", "shut off");
        Waiting.until("the event", () -> waiting.isAnyDue(clock.instant().plus(DELAY)));

        AfterStopWork work = new AfterStopWork(host.workshop(), waiting, () -> configuration, Runnable::run);
        work.tick();
        assertEquals(List.of(), host.entries());
        clock.advance(DELAY);
        work.tick();
        List<HistoryEntry> entries = host.entries();
        assertEquals(1, entries.size(), entries::toString);
        DiskRun run = (DiskRun) entries.get(0);
        assertEquals("off", run.domain());
        assertEquals(Outcome.SHRUNK, run.outcome(), run::reason);
        host.assertNothingIsLeft();
    }
}
