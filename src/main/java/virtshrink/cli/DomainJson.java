package virtshrink.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DomainDisk;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;

/** What became of domains as the documented JSON. */
final class DomainJson {
    private DomainJson() {}

    /** One domain: {@code {"domain","outcome","reason","disks":[…],"notes"}}; several: {@code {"domains":[…]}}. */
    static Map<String, Object> results(List<DomainResult> results) {
        if (results.size() == 1) {
            return result(results.get(0));
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("domains", results.stream().map(DomainJson::result).toList());
        return json;
    }

    static Map<String, Object> result(DomainResult result) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("domain", result.name());
        json.putAll(JsonReport.ended(result.outcome(), result.reason()));
        List<Map<String, Object>> disks = new ArrayList<>();
        for (DomainResult.Disk disk : result.disks()) {
            if (disk instanceof DomainResult.Run run) {
                disks.add(JsonReport.report(run.report(), run.format()));
            } else if (disk instanceof DomainResult.LeftAlone left) {
                disks.add(leftAlone(left.disk(), left.reason()));
            }
        }
        json.put("disks", disks);
        json.put("notes", result.notes());
        return json;
    }

    /** The same fields as a run has; {@code image} is null where the disk is no file, sizes are 0 where they cannot be read. */
    private static Map<String, Object> leftAlone(DomainDisk disk, String reason) {
        Map<String, Object> json = new LinkedHashMap<>();
        Optional<Path> file = disk.file();
        json.put("image", file.map(Path::toString).orElse(null));
        json.put("target", disk.target());
        json.put("format", disk.formatName());
        FileSize size = file.flatMap(HostFiles::sizeIfKnown).orElse(FileSize.NONE);
        json.put("before", JsonReport.size(size));
        json.put("after", JsonReport.size(size));
        json.put("reclaimableBytes", 0L);
        json.put("reclaimedBytes", 0L);
        json.putAll(JsonReport.ended(Outcome.REFUSED, reason));
        json.put("phasesMillis", Map.of());
        json.put("notes", List.of());
        return json;
    }
}
