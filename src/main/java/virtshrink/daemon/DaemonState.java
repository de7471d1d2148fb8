package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import virtshrink.config.Configuration;
import virtshrink.config.ScheduleSettings;
import virtshrink.history.NightSummary;
import virtshrink.schedule.Timetable;

/** What the daemon is doing, has done and will do, as {@code virt-shrink status --json} prints it. Thread-safe. */
final class DaemonState {
    private final Workshop workshop;
    private final WorkBoard board;
    private final Timetable timetable;
    private final Supplier<Configuration> configuration;
    private final StatusLine statusLine;
    private final Instant since;

    DaemonState(
            Workshop workshop,
            WorkBoard board,
            Timetable timetable,
            Supplier<Configuration> configuration,
            StatusLine statusLine) {
        this.workshop = workshop;
        this.board = board;
        this.timetable = timetable;
        this.configuration = configuration;
        this.statusLine = statusLine;
        this.since = workshop.clock().instant();
    }

    Map<String, Object> json() {
        Configuration now = configuration.get();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("version", DaemonCommand.version());
        json.put("pid", ProcessHandle.current().pid());
        json.put("since", since.toString());
        json.put(
                "uptimeSeconds",
                Duration.between(since, workshop.clock().instant()).toSeconds());
        json.put("connect", now.connect());
        json.put("doing", statusLine.text());
        json.put("runs", board.json());
        Map<String, Instant> next = timetable.nextTimes();
        List<Map<String, Object>> schedules = new ArrayList<>();
        for (ScheduleSettings schedule : now.schedules()) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("schedule", schedule.name());
            entry.put(
                    "next",
                    Optional.ofNullable(next.get(schedule.name()))
                            .map(Instant::toString)
                            .orElse(null));
            entry.put(
                    "last",
                    workshop.history()
                            .lastResult(schedule.name())
                            .map(DaemonState::json)
                            .orElse(null));
            schedules.add(entry);
        }
        json.put("schedules", schedules);
        return json;
    }

    private static Map<String, Object> json(NightSummary night) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("due", night.ended().due().toString());
        json.put("ended", night.ended().at().toString());
        json.put("reason", night.ended().reason());
        json.put("selected", night.ended().selected());
        json.put("leftAlone", night.ended().leftAlone());
        json.put("unchanged", night.ended().unchanged());
        json.put("attempted", night.ended().attempted());
        json.put("disksShrunk", night.shrunk());
        json.put("disksFailed", night.failed());
        json.put("reclaimedBytes", night.reclaimedBytes());
        return json;
    }
}
