package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.OriginalEvent;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.RawDisks;

/** Nights of real domains whose originals are kept, and whose raw disks are converted. */
@Timeout(120)
class OriginalsNightTest {
    @TempDir
    Path directory;

    private static Schedule schedule() {
        Schedule plain = RealHost.schedule();
        return new Schedule(
                plain.name(),
                plain.cron(),
                plain.zone(),
                plain.windowEnd(),
                plain.startMargin(),
                plain.makesUp(),
                plain.afterStop(),
                plain.selection(),
                plain.minimumGain(),
                plain.minimumSinceShrink(),
                plain.minimumOff(),
                plain.allowRename(),
                plain.replayJournals(),
                plain.mounts(),
                new OriginalsPolicy(KeepOriginal.parse("3d"), RawDisks.CONVERT, new KeepOriginal.UntilCleanStop()));
    }

    private static List<HistoryEntry> night(RealHost host, Duration later) throws IOException {
        Workshop now = host.workshop();
        Clock clock = Clock.offset(Clock.tickMillis(ZoneOffset.UTC), later);
        Workshop workshop = new Workshop(
                now.source(), now.runner(), now.history(), clock, now.current(), now.neighbour(), now.status());
        int before = host.entries().size();
        new Night(workshop, host.libvirtd.uri(), schedule(), Instant.now().plus(later)).run();
        List<HistoryEntry> all = host.entries();
        return all.subList(before, all.size());
    }

    private static List<String> files(RealHost host) throws IOException {
        try (Stream<Path> files = Files.list(host.images)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void originalsComeAndGo() throws Exception {
        try (RealHost host = RealHost.start(directory)) {
            Path qcow2 = UsedImage.qcow2(host.images.resolve("one.qcow2"), 8);
            Path raw = UsedImage.raw(host.images.resolve("two.img"), 8);
            host.libvirtd.defineDomain("one", fileDisk("vda", qcow2, "qcow2"));
            host.libvirtd.defineDomain("two", fileDisk("vda", raw, "raw"));

            List<DiskRun> runs = night(host, Duration.ZERO).stream()
                    .filter(DiskRun.class::isInstance)
                    .map(DiskRun.class::cast)
                    .toList();
            assertEquals(
                    List.of(Outcome.SHRUNK, Outcome.SHRUNK),
                    runs.stream().map(DiskRun::outcome).toList());
            assertTrue(host.libvirtd.virsh("domblklist", "two").strip().endsWith("/two.qcow2"));
            assertEquals(4, files(host).size(), () -> runs.toString());

            // The converted disk has not been started yet, and nothing is left to gain on either.
            List<OriginalEvent> events = events(night(host, Duration.ofDays(2)));
            assertEquals(List.of(), events);
            events = events(night(host, Duration.ofDays(4)));
            assertEquals(
                    List.of("removed"),
                    events.stream().map(OriginalEvent::event).toList());
            assertEquals("one", events.get(0).domain());
            assertEquals("nightly", events.get(0).schedule());
            assertTrue(events.get(0).bytes() > 7 << 20, events::toString);
            assertEquals(List.of("one.qcow2", "two.img", "two.qcow2"), files(host));
            assertFalse(Files.isSameFile(raw, host.images.resolve("two.qcow2")));
        }
    }

    private static List<OriginalEvent> events(List<HistoryEntry> entries) {
        return entries.stream()
                .filter(OriginalEvent.class::isInstance)
                .map(OriginalEvent.class::cast)
                .toList();
    }
}
