package virtshrink.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import virtshrink.job.DomainResult;
import virtshrink.libvirt.DomainRecord;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;

/**
 * A domain in the list.
 *
 * @param estimate what was said of its disks
 * @param schedules what the daemon's schedules make of them, by their targets
 */
record ListEntry(DomainRecord domain, DomainResult estimate, Map<String, List<ScheduleAnswer>> schedules) {
    ListEntry {
        schedules = Map.copyOf(schedules);
    }

    List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        for (DomainResult.Disk disk : estimate.disks()) {
            if (disk instanceof DomainResult.Run run) {
                ShrinkReport report = run.report();
                boolean known = report.outcome() == Outcome.SHRUNK || report.outcome() == Outcome.NOTHING_TO_GAIN;
                rows.add(new Row(
                        report.target().orElse(""),
                        Optional.of(report.image()),
                        run.format().qemuName(),
                        Optional.of(report.before()),
                        known ? OptionalLong.of(report.reclaimableBytes()) : OptionalLong.empty(),
                        known ? "" : report.reason(),
                        answers(disk)));
            } else if (disk instanceof DomainResult.LeftAlone left) {
                rows.add(new Row(
                        left.target(),
                        left.image(),
                        left.format(),
                        left.size(),
                        OptionalLong.empty(),
                        left.reason(),
                        answers(disk)));
            }
        }
        return rows;
    }

    private List<ScheduleAnswer> answers(DomainResult.Disk disk) {
        return schedules.getOrDefault(disk.target(), List.of());
    }

    /** The notes on all of them, each once, those first that concern the whole. */
    static List<String> notes(List<ListEntry> entries, List<String> whole) {
        return Stream.concat(whole.stream(), entries.stream().flatMap(entry -> entry.estimate().notes().stream()))
                .distinct()
                .toList();
    }

    /** What {@code list --json} prints. */
    static Map<String, Object> json(List<ListEntry> entries, List<String> notes) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("domains", entries.stream().map(ListEntry::json).toList());
        json.put("notes", notes(entries, notes));
        return json;
    }

    private Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("domain", domain.name());
        json.put("uuid", domain.uuid().toString());
        json.put("title", domain.title().orElse(""));
        json.put("state", domain.state().text());
        json.put("eligible", estimate.ended().isEmpty());
        json.put("reason", estimate.reason());
        json.putAll(PolicyJson.stated(domain.policy()));
        json.put("disks", rows().stream().map(Row::json).toList());
        return json;
    }

    /**
     * One disk.
     *
     * @param size empty where the file cannot be looked at
     * @param reclaimableBytes empty where the disk is left alone
     * @param reason why it is left alone; empty if it is not
     * @param schedules what the daemon's schedules make of it
     */
    record Row(
            String target,
            Optional<Path> image,
            String format,
            Optional<FileSize> size,
            OptionalLong reclaimableBytes,
            String reason,
            List<ScheduleAnswer> schedules) {
        Row {
            schedules = List.copyOf(schedules);
        }

        private Map<String, Object> json() {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("target", target);
            json.put("image", image.map(Path::toString).orElse(null));
            json.put("format", format);
            json.put("eligible", reclaimableBytes.isPresent());
            json.put("reason", reason);
            json.put("fileBytes", size.map(FileSize::fileBytes).orElse(null));
            json.put("allocatedBytes", size.map(FileSize::allocatedBytes).orElse(null));
            json.put("reclaimableBytes", reclaimableBytes.isPresent() ? reclaimableBytes.getAsLong() : null);
            json.put("schedules", schedules.stream().map(ScheduleAnswer::json).toList());
            return json;
        }
    }
}
