package virtshrink.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.shrink.Cause;

class FiguresTest {
    /** Text format 0.0.4: a name, labels, a number. */
    private static final Pattern SAMPLE =
            Pattern.compile("[a-z_]+(\\{([a-z]+=\"[^\"\\\\]*\",?)+})? (\\+Inf|NaN|-?[0-9.]+(E-?[0-9]+)?)");

    @TempDir
    Path directory;

    private Path image;
    private final Map<String, Optional<Instant>> schedules = new LinkedHashMap<>();
    private final Figures figures = new Figures(new Standing("1.2.3", () -> schedules));

    @BeforeEach
    void prepare() throws IOException {
        image = Files.createFile(directory.resolve("a.qcow2"));
        schedules.put("nightly", Optional.of(Entries.NOON.plusSeconds(3600)));
    }

    private DiskRun run(String domain, Cause cause, long after, long reclaimable, long remaining) {
        return Entries.run(domain, image, cause, after, reclaimable, remaining);
    }

    private List<String> lines() {
        return new String(figures.text(), StandardCharsets.UTF_8).lines().toList();
    }

    /** The value of a series, by its name with its labels; empty if it is not there. */
    private Optional<Double> value(String series) {
        return lines().stream()
                .filter(line -> line.startsWith(series + " "))
                .map(line -> Double.valueOf(line.substring(series.length() + 1)))
                .findFirst();
    }

    private void require(double expected, String series) {
        assertEquals(Optional.of(expected), value(series), series);
    }

    @Test
    void everyLineIsOfTheTextFormat() {
        figures.count(run("a", Cause.DONE, 400, 600, 0));
        figures.count(Entries.began("nightly"));
        figures.count(Entries.ended("nightly", Entries.NOON, ""));
        for (String line : lines()) {
            assertTrue(line.startsWith("# ") || SAMPLE.matcher(line).matches(), line);
        }
    }

    @Test
    void everyFigureSaysWhatItIs() {
        figures.count(run("a", Cause.DONE, 400, 600, 0));
        figures.count(Entries.began("nightly"));
        figures.count(Entries.ended("nightly", Entries.NOON, ""));
        List<String> lines = lines();
        for (String line : lines) {
            if (line.startsWith("# TYPE ")) {
                assertTrue(helped(line.split(" ", -1)[2]), line);
            }
        }
        assertTrue(lines.contains("# TYPE virt_shrink_reclaimed_bytes_total counter"), lines::toString);
        assertTrue(lines.contains("# TYPE virt_shrink_phase_duration_seconds histogram"), lines::toString);
        assertTrue(lines.contains("virt_shrink_build_info{version=\"1.2.3\"} 1"), lines::toString);
    }

    private boolean helped(String name) {
        return lines().stream().anyMatch(line -> line.startsWith("# HELP " + name + " "));
    }

    @Test
    void countsWhatRunsGiveBackAndHowTheyEnd() {
        figures.count(run("a", Cause.DONE, 400, 600, 0));
        figures.count(run("b", Cause.DONE, 900, 100, 0));
        figures.count(run("b", Cause.HOST_SPACE, 1000, 0, 0));
        require(700, "virt_shrink_reclaimed_bytes_total");
        require(2, "virt_shrink_disk_runs_total{cause=\"done\",outcome=\"shrunk\"}");
        require(1, "virt_shrink_disk_runs_total{cause=\"host-space\",outcome=\"refused\"}");
        require(3, "virt_shrink_phase_duration_seconds_count{phase=\"rebuild\"}");
        require(6, "virt_shrink_phase_duration_seconds_sum{phase=\"rebuild\"}");
        require(0, "virt_shrink_phase_duration_seconds_bucket{phase=\"rebuild\",le=\"1.0\"}");
        require(3, "virt_shrink_phase_duration_seconds_bucket{phase=\"rebuild\",le=\"5.0\"}");
    }

    @Test
    void everySeriesThatMayComeIsThereFromTheBeginning() {
        figures.recall(run("a", Cause.DONE, 1000, 0, 0));
        int before = lines().size();
        for (Cause cause : Cause.values()) {
            require(
                    0,
                    "virt_shrink_disk_runs_total{cause=\"%s\",outcome=\"%s\"}"
                            .formatted(cause.contractName(), cause.outcome().contractName()));
            figures.count(run("a", cause, 1000, 0, 0));
        }
        assertEquals(before, lines().size());
    }

    @Test
    void noTextOfAGuestBecomesALabel() {
        figures.count(run("guest\"}\n1", Cause.DONE, 400, 600, 0));
        assertFalse(lines().toString().contains("guest\""), lines()::toString);
        assertFalse(lines().toString().contains("a reason"), lines()::toString);
    }

    @Test
    void aCounterNeverGoesDown() {
        figures.count(run("a", Cause.DONE, 400, 600, 0));
        figures.count(run("a", Cause.CANCELLED, 1500, 600, 0));
        require(600, "virt_shrink_reclaimed_bytes_total");
    }

    @Test
    void sumsUpWhatTheLastRunsLeaveToWin() {
        figures.count(run("a", Cause.BELOW_MINIMUM, 1000, 70, 70));
        figures.count(run("b", Cause.GUEST_STARTS, 1000, 500, 0));
        figures.count(run("c", Cause.NO_SMALLER, 1000, 300, 0));
        require(570, "virt_shrink_reclaimable_bytes");
        require(2, "virt_shrink_disks{outcome=\"nothing-to-gain\"}");
        require(1, "virt_shrink_disks{outcome=\"yielded\"}");
        figures.count(run("b", Cause.DONE, 500, 500, 0));
        require(70, "virt_shrink_reclaimable_bytes");
        require(0, "virt_shrink_disks{outcome=\"yielded\"}");
    }

    @Test
    void forgetsImagesThatAreGoneWhenANightEnds() throws Exception {
        figures.count(run("a", Cause.BELOW_MINIMUM, 1000, 70, 70));
        Files.delete(image);
        figures.count(Entries.ended("nightly", Entries.NOON, ""));
        require(0, "virt_shrink_reclaimable_bytes");
        require(0, "virt_shrink_disks{outcome=\"nothing-to-gain\"}");
    }

    @Test
    void tellsTimesInSeconds() {
        require(1795352400, "virt_shrink_next_fire_timestamp_seconds{schedule=\"nightly\"}");
        figures.count(Entries.began("nightly"));
        figures.count(Entries.ended("nightly", Entries.NOON.plusMillis(500), ""));
        figures.count(run("a", Cause.DONE, 400, 600, 0));
        require(1795348740, "virt_shrink_night_begin_timestamp_seconds{schedule=\"nightly\"}");
        require(1795348800.5, "virt_shrink_night_end_timestamp_seconds{schedule=\"nightly\"}");
        require(1795348800, "virt_shrink_last_shrunk_timestamp_seconds");
        require(2, "virt_shrink_night_domains{choice=\"unchanged\",schedule=\"nightly\"}");
    }

    @Test
    void aNightThatWasCutShortIsNoSuccess() {
        figures.count(Entries.ended("nightly", Entries.NOON, ""));
        figures.count(Entries.ended("nightly", Entries.NOON.plusSeconds(100), "the maintenance window is over"));
        require(1795348800, "virt_shrink_last_success_timestamp_seconds{schedule=\"nightly\"}");
        require(1795348900, "virt_shrink_night_end_timestamp_seconds{schedule=\"nightly\"}");
    }

    @Test
    void leavesOutWhatItDoesNotKnow() {
        schedules.put("weekly", Optional.empty());
        assertEquals(Optional.empty(), value("virt_shrink_last_shrunk_timestamp_seconds"));
        assertEquals(Optional.empty(), value("virt_shrink_next_fire_timestamp_seconds{schedule=\"weekly\"}"));
        assertEquals(Optional.empty(), value("virt_shrink_last_success_timestamp_seconds{schedule=\"nightly\"}"));
    }

    @Test
    void doesNotSpeakOfSchedulesThatAreNoLongerConfigured() {
        figures.count(Entries.ended("old", Entries.NOON, ""));
        assertEquals(
                List.of(),
                lines().stream().filter(line -> line.contains("\"old\"")).toList());
    }

    @Test
    void thePastIsKnownButNotCountedAgain() {
        figures.recall(run("a", Cause.DONE, 400, 600, 0));
        figures.recall(run("b", Cause.BELOW_MINIMUM, 1000, 70, 70));
        figures.recall(Entries.ended("nightly", Entries.NOON, ""));
        require(0, "virt_shrink_reclaimed_bytes_total");
        require(0, "virt_shrink_disk_runs_total{cause=\"done\",outcome=\"shrunk\"}");
        require(70, "virt_shrink_reclaimable_bytes");
        require(1, "virt_shrink_disks{outcome=\"shrunk\"}");
        require(1795348800, "virt_shrink_last_success_timestamp_seconds{schedule=\"nightly\"}");
        require(1795348800, "virt_shrink_last_shrunk_timestamp_seconds");
    }
}
