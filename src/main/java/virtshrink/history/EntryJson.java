package virtshrink.history;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.Filesystem;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryEntry.OriginalEvent;
import virtshrink.json.JsonFields;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;

/** Entries as JSON objects. The names are a contract with old files and with scripts; existing ones never change. */
final class EntryJson {
    private EntryJson() {}

    static Map<String, Object> write(HistoryEntry entry) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("at", entry.at().toString());
        json.put("schedule", entry.schedule());
        if (entry instanceof NightBegan night) {
            json.put("entry", "night-began");
            json.put("rhythm", night.rhythm());
            json.put("due", night.due().toString());
        } else if (entry instanceof NightEnded night) {
            json.put("entry", "night-ended");
            json.put("due", night.due().toString());
            json.put("selected", night.selected());
            json.put("leftAlone", night.leftAlone());
            json.put("unchanged", night.unchanged());
            json.put("attempted", night.attempted());
            json.put("reason", night.reason());
        } else if (entry instanceof OriginalEvent original) {
            json.put("entry", "original");
            json.put("domain", original.domain());
            json.put("uuid", original.uuid().toString());
            json.put("target", original.target());
            json.put("image", original.image().toString());
            json.put("original", original.original().toString());
            json.put("event", original.event());
            json.put("bytes", original.bytes());
            json.put("reason", original.reason());
        } else if (entry instanceof DiskRun run) {
            json.put("entry", "disk");
            write(run, json);
        }
        return json;
    }

    private static void write(DiskRun run, Map<String, Object> json) {
        json.put("domain", run.domain());
        json.put("uuid", run.uuid().toString());
        json.put("target", run.target());
        json.put("image", run.image().toString());
        json.put("outcome", run.outcome().contractName());
        json.put("cause", run.cause().contractName());
        json.put("reason", run.reason());
        json.put("before", size(run.before()));
        json.put("after", size(run.after()));
        json.put("reclaimedBytes", run.reclaimedBytes());
        json.put("reclaimableBytes", run.reclaimableBytes());
        json.put("remainingBytes", run.remainingBytes());
        run.seen().ifPresent(seen -> json.put("seen", stamp(seen)));
        Map<String, Object> phases = new LinkedHashMap<>();
        run.phases().forEach((phase, time) -> phases.put(phase.contractName(), time.toMillis()));
        json.put("phasesMillis", phases);
        json.put(
                "filesystems",
                run.filesystems().stream().map(EntryJson::filesystem).toList());
        json.put("notes", run.notes());
    }

    private static Map<String, Object> size(FileSize size) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("fileBytes", size.fileBytes());
        json.put("allocatedBytes", size.allocatedBytes());
        return json;
    }

    private static Map<String, Object> stamp(ImageStamp stamp) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("device", stamp.device());
        json.put("inode", stamp.inode());
        json.put("sizeBytes", stamp.sizeBytes());
        json.put("mtimeSeconds", stamp.mtimeSeconds());
        json.put("mtimeNanos", stamp.mtimeNanos());
        return json;
    }

    private static Map<String, Object> filesystem(Filesystem filesystem) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("device", filesystem.device());
        json.put("type", filesystem.type());
        json.put("state", filesystem.state());
        json.put("reason", filesystem.reason());
        json.put("reclaimableBytes", filesystem.reclaimableBytes());
        return json;
    }

    /** Empty if it is none that this version knows. */
    static Optional<HistoryEntry> read(Map<String, Object> json) {
        try {
            JsonFields fields = new JsonFields(json);
            return switch (fields.text("entry")) {
                case "night-began" ->
                    Optional.of(new NightBegan(
                            fields.instant("at"),
                            fields.text("schedule"),
                            fields.text("rhythm"),
                            fields.instant("due")));
                case "night-ended" ->
                    Optional.of(new NightEnded(
                            fields.instant("at"),
                            fields.text("schedule"),
                            fields.instant("due"),
                            Math.toIntExact(fields.number("selected")),
                            Math.toIntExact(fields.number("leftAlone")),
                            Math.toIntExact(fields.number("unchanged")),
                            Math.toIntExact(fields.number("attempted")),
                            fields.text("reason")));
                case "original" ->
                    Optional.of(new OriginalEvent(
                            fields.instant("at"),
                            fields.text("schedule"),
                            fields.text("domain"),
                            uuid(fields.text("uuid")),
                            fields.text("target"),
                            Path.of(fields.text("image")),
                            Path.of(fields.text("original")),
                            fields.text("event"),
                            fields.number("bytes"),
                            fields.text("reason")));
                case "disk" -> Optional.of(disk(fields));
                default -> Optional.empty();
            };
        } catch (JsonFields.MissingFieldException
                | DateTimeException
                | InvalidPathException
                | ArithmeticException unreadable) {
            return Optional.empty();
        }
    }

    private static DiskRun disk(JsonFields fields) throws JsonFields.MissingFieldException {
        Map<Phase, Duration> phases = new EnumMap<>(Phase.class);
        JsonFields millis = fields.object("phasesMillis");
        for (Phase phase : Phase.values()) {
            if (millis.has(phase.contractName())) {
                phases.put(phase, Duration.ofMillis(millis.number(phase.contractName())));
            }
        }
        return new DiskRun(
                fields.instant("at"),
                fields.text("schedule"),
                fields.text("domain"),
                uuid(fields.text("uuid")),
                fields.text("target"),
                Path.of(fields.text("image")),
                cause(fields),
                fields.text("reason"),
                size(fields.object("before")),
                size(fields.object("after")),
                fields.number("reclaimableBytes"),
                fields.number("remainingBytes"),
                fields.has("seen") ? Optional.of(stamp(fields.object("seen"))) : Optional.empty(),
                phases,
                fields.objects("filesystems", EntryJson::filesystem),
                fields.texts("notes"));
    }

    private static FileSize size(JsonFields fields) throws JsonFields.MissingFieldException {
        return new FileSize(fields.number("fileBytes"), fields.number("allocatedBytes"));
    }

    private static ImageStamp stamp(JsonFields fields) throws JsonFields.MissingFieldException {
        return new ImageStamp(
                fields.number("device"),
                fields.number("inode"),
                fields.number("sizeBytes"),
                fields.number("mtimeSeconds"),
                Math.toIntExact(fields.number("mtimeNanos")));
    }

    private static Filesystem filesystem(JsonFields fields) throws JsonFields.MissingFieldException {
        return new Filesystem(
                fields.text("device"),
                fields.text("type"),
                fields.text("state"),
                fields.text("reason"),
                fields.number("reclaimableBytes"));
    }

    private static UUID uuid(String text) throws JsonFields.MissingFieldException {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw new JsonFields.MissingFieldException("uuid");
        }
    }

    /** Entries of older versions have none, those of newer ones may have another. */
    private static Cause cause(JsonFields fields) throws JsonFields.MissingFieldException {
        Outcome outcome = outcome(fields.text("outcome"));
        String name = fields.has("cause") ? fields.text("cause") : "";
        return Arrays.stream(Cause.values())
                .filter(cause ->
                        cause.outcome() == outcome && cause.contractName().equals(name))
                .findFirst()
                .orElse(Cause.generalOf(outcome));
    }

    private static Outcome outcome(String text) throws JsonFields.MissingFieldException {
        return Arrays.stream(Outcome.values())
                .filter(outcome -> outcome.contractName().equals(text))
                .findFirst()
                .orElseThrow(() -> new JsonFields.MissingFieldException("outcome"));
    }
}
