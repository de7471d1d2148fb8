package virtshrink.cli;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;

/** The state of the daemon for people. */
final class StatusText {
    private static final DateTimeFormatter LOCAL =
            DateTimeFormatter.ofPattern("EEE yyyy-MM-dd HH:mm", Locale.ROOT).withZone(ZoneId.systemDefault());

    private final Style style;

    StatusText(Style style) {
        this.style = style;
    }

    List<String> lines(JsonFields state) throws MissingFieldException {
        List<String> lines = new ArrayList<>();
        lines.add(style.bold("virt-shrinkd " + safe(state, "version")) + "  "
                + style.faint("up " + span(state.number("uptimeSeconds")) + " "
                        + style.glyphs().dot() + " " + safe(state, "connect")));
        lines.add("");
        lines.add("  now  " + safe(state, "doing"));
        Table runs = Table.of(
                Table.left("DOMAIN"), Table.left("STATE"), Table.left("PHASE"), Table.left("BY"), Table.right("SINCE"));
        state.objects(
                "runs",
                run -> runs.row(
                        safe(run, "domain"),
                        safe(run, "state"),
                        safe(run, "phase") + (run.number("percent") > 0 ? " " + run.number("percent") + " %" : ""),
                        safe(run, "by"),
                        TimeText.spent(Duration.between(run.instant("since"), Instant.now())
                                .abs())));
        if (!runs.isEmpty()) {
            lines.add("");
            lines.addAll(runs.lines("  ", style));
        }
        lines.add("");
        lines.addAll(schedules(state).lines("  ", style));
        return lines;
    }

    private Table schedules(JsonFields state) throws MissingFieldException {
        Table table = Table.of(
                Table.left("SCHEDULE"),
                Table.left("NEXT"),
                Table.left("LAST"),
                Table.right("SHRUNK"),
                Table.right("FAILED"),
                Table.right("RECLAIMED"),
                Table.left("DOMAINS"));
        state.objects("schedules", schedule -> row(table, schedule));
        return table;
    }

    private Table row(Table table, JsonFields schedule) throws MissingFieldException {
        String none = style.glyphs().none();
        String name = safe(schedule, "schedule");
        String next = schedule.has("next") ? LOCAL.format(schedule.instant("next")) : "never";
        if (!schedule.has("last")) {
            return table.row(name, next, none, none, none, none, "");
        }
        JsonFields last = schedule.object("last");
        String reason = safe(last, "reason");
        return table.row(
                name,
                next,
                LOCAL.format(last.instant("due")),
                Long.toString(last.number("disksShrunk")),
                Long.toString(last.number("disksFailed")),
                ByteText.of(last.number("reclaimedBytes")),
                "%d meant, %d left alone, %d unchanged, %d looked at%s"
                        .formatted(
                                last.number("selected"),
                                last.number("leftAlone"),
                                last.number("unchanged"),
                                last.number("attempted"),
                                reason.isEmpty() ? "" : "; ended early: " + reason));
    }

    private static String safe(JsonFields fields, String name) throws MissingFieldException {
        return SafeText.of(fields.text(name));
    }

    /** Days and hours, hours and minutes, or less. */
    private static String span(long seconds) {
        return seconds < 86_400
                ? TimeText.spent(Duration.ofSeconds(seconds))
                : "%d d %02d h".formatted(seconds / 86_400, seconds % 86_400 / 3600);
    }
}
