package virtshrink.job;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;

/** What became of domains as the documented JSON. */
public final class DomainJson {
    private DomainJson() {}

    /** One domain: {@code {"domain","outcome","reason","disks":[…],"notes"}}; several: {@code {"domains":[…]}}. */
    public static Map<String, Object> results(List<DomainResult> results) {
        if (results.size() == 1) {
            return result(results.get(0));
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("domains", results.stream().map(DomainJson::result).toList());
        return json;
    }

    /** One domain. A disk that was left alone has a {@code device}, and none that was tried has. */
    public static Map<String, Object> result(DomainResult result) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("domain", result.name());
        json.putAll(JsonReport.ended(result.outcome(), result.reason()));
        List<Map<String, Object>> disks = new ArrayList<>();
        for (DomainResult.Disk disk : result.disks()) {
            if (disk instanceof DomainResult.Run run) {
                disks.add(JsonReport.report(run.report(), run.format()));
            } else if (disk instanceof DomainResult.LeftAlone left) {
                disks.add(leftAlone(left));
            }
        }
        json.put("disks", disks);
        json.put("notes", result.notes());
        return json;
    }

    /** What {@link #result} wrote, as far as it is shown to a person. */
    public static DomainResult read(JsonFields fields) throws MissingFieldException {
        List<DomainResult.Disk> disks = fields.objects("disks", DomainJson::disk);
        String reason = fields.text("reason");
        // Where the disks were looked at, their reasons are their own.
        Optional<DomainResult.Ended> ended = reason.isEmpty()
                ? Optional.empty()
                : Optional.of(new DomainResult.Ended(ReportReader.outcome(fields), reason));
        return new DomainResult(fields.text("domain"), ended, disks, fields.texts("notes"));
    }

    private static DomainResult.Disk disk(JsonFields fields) throws MissingFieldException {
        if (!fields.has("device")) {
            return ReportReader.read(fields);
        }
        return new DomainResult.LeftAlone(
                fields.text("target"),
                fields.text("device"),
                fields.has("image") ? Optional.of(ReportReader.path(fields)) : Optional.empty(),
                fields.text("format"),
                Optional.of(ReportReader.size(fields.object("before"))),
                fields.text("reason"));
    }

    /** The same fields as a run has; {@code image} is null where the disk is no file, sizes are 0 where they cannot be read. */
    private static Map<String, Object> leftAlone(DomainResult.LeftAlone disk) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("image", disk.image().map(Path::toString).orElse(null));
        json.put("target", disk.target());
        json.put("device", disk.device());
        json.put("format", disk.format());
        FileSize size = disk.size().orElse(FileSize.NONE);
        json.put("before", JsonReport.size(size));
        json.put("after", JsonReport.size(size));
        json.put("reclaimableBytes", 0L);
        json.put("reclaimedBytes", 0L);
        json.putAll(JsonReport.ended(Outcome.REFUSED, disk.reason()));
        json.put("phasesMillis", Map.of());
        json.put("notes", List.of());
        return json;
    }
}
