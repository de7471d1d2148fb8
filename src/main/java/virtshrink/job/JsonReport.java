package virtshrink.job;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/**
 * Results as the documented JSON: sizes in bytes, what is unknown or unproven as {@code null}, texts that do not apply as empty strings.
 * The names are a contract with scripts; existing ones never change.
 */
public final class JsonReport {
    private JsonReport() {}

    /** What {@code inspect} prints. A disk that is left alone as a whole also has a {@code reason}. */
    public static Map<String, Object> inspection(Path image, ImageFormat format, DiskInspection disk) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("image", image.toString());
        json.put("format", format.qemuName());
        json.putAll(disk(disk, List.of()));
        disk.refusal().ifPresent(reason -> json.put("reason", reason));
        return json;
    }

    /** What {@code image}, {@code estimate} and {@code domain} print for one disk: what {@code inspect} does, as far as the run came, and more. */
    public static Map<String, Object> report(ShrinkReport report, ImageFormat format) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("image", report.image().toString());
        report.target().ifPresent(target -> json.put("target", target));
        json.put("format", format.qemuName());
        report.inspection().ifPresent(disk -> {
            json.putAll(disk(disk, report.gains()));
            disk.refusal().ifPresent(reason -> json.put("diskReason", reason));
        });
        json.put("before", size(report.before()));
        json.put("after", size(report.after()));
        json.put("reclaimableBytes", report.reclaimableBytes());
        json.put("reclaimedBytes", report.reclaimedBytes());
        json.put("outcome", report.outcome().contractName());
        json.put("reason", report.reason());
        Map<String, Object> phases = new LinkedHashMap<>();
        report.phases().forEach((phase, time) -> phases.put(phase.contractName(), time.toMillis()));
        json.put("phasesMillis", phases);
        json.put("notes", report.notes());
        return json;
    }

    /** What is printed where nothing was run. */
    public static Map<String, Object> ended(Outcome outcome, String reason) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("outcome", outcome.contractName());
        json.put("reason", reason);
        return json;
    }

    /** A size. */
    public static Map<String, Object> size(FileSize size) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("fileBytes", size.fileBytes());
        json.put("allocatedBytes", size.allocatedBytes());
        return json;
    }

    private static Map<String, Object> disk(DiskInspection disk, List<FilesystemGain> gains) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("virtualBytes", disk.virtualBytes());
        json.put("partitionTable", disk.partitionTable());
        List<Map<String, Object>> filesystems = new ArrayList<>();
        for (FilesystemFinding finding : disk.filesystems()) {
            Map<String, Object> filesystem = filesystem(finding);
            gainOf(finding.device(), gains).ifPresent(bytes -> filesystem.put("reclaimableBytes", bytes));
            filesystems.add(filesystem);
        }
        json.put("filesystems", filesystems);
        return json;
    }

    private static Map<String, Object> filesystem(FilesystemFinding finding) {
        FilesystemIdentity identity = finding.identity();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("device", finding.device());
        json.put("startBytes", finding.place().startBytes());
        json.put("lengthBytes", finding.place().lengthBytes());
        json.put("type", identity.type());
        json.put("label", identity.label());
        json.put("uuid", identity.uuid());
        json.put("state", finding.state().contractName());
        json.put("reason", finding.state().reasonText());
        finding.replayed().ifPresent(what -> json.put("replayed", what));
        json.put("blockBytes", identity.blockBytes());
        json.put("totalBytes", identity.totalBytes());
        json.put(
                "freeBytes",
                finding.freeBytes().isPresent() ? finding.freeBytes().getAsLong() : null);
        return json;
    }

    /** What a device can give back, if that was estimated. */
    public static Optional<Long> gainOf(String device, List<FilesystemGain> gains) {
        return gains.stream()
                .filter(gain -> gain.device().equals(device))
                .map(FilesystemGain::reclaimableBytes)
                .findFirst();
    }
}
