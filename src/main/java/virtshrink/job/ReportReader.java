package virtshrink.job;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/**
 * Reads what {@link JsonReport#report} wrote: all that is shown to a person. Free ranges are not among it, and a hibernated filesystem comes back
 * as a dirty one.
 */
final class ReportReader {
    private ReportReader() {}

    static DomainResult.Run read(JsonFields fields) throws MissingFieldException {
        List<FilesystemGain> gains = new ArrayList<>();
        Optional<DiskInspection> inspection =
                fields.has("filesystems") ? Optional.of(inspection(fields, gains)) : Optional.empty();
        ShrinkReport report = new ShrinkReport(
                path(fields),
                fields.has("target") ? Optional.of(fields.text("target")) : Optional.empty(),
                size(fields.object("before")),
                size(fields.object("after")),
                fields.number("reclaimableBytes"),
                outcome(fields),
                fields.text("reason"),
                phases(fields.object("phasesMillis")),
                inspection,
                gains,
                fields.texts("notes"));
        ImageFormat format =
                ImageFormat.ofQemuName(fields.text("format")).orElseThrow(() -> new MissingFieldException("format"));
        return new DomainResult.Run(report, format);
    }

    private static DiskInspection inspection(JsonFields fields, List<FilesystemGain> gains)
            throws MissingFieldException {
        return new DiskInspection(
                fields.number("virtualBytes"),
                fields.text("partitionTable"),
                fields.objects("filesystems", filesystem -> {
                    if (filesystem.has("reclaimableBytes")) {
                        gains.add(new FilesystemGain(filesystem.text("device"), filesystem.number("reclaimableBytes")));
                    }
                    return finding(filesystem);
                }),
                fields.has("diskReason") ? Optional.of(fields.text("diskReason")) : Optional.empty());
    }

    private static FilesystemFinding finding(JsonFields fields) throws MissingFieldException {
        try {
            return new FilesystemFinding(
                    fields.text("device"),
                    new ByteRange(fields.number("startBytes"), fields.number("lengthBytes")),
                    new FilesystemIdentity(
                            fields.text("type"),
                            fields.text("label"),
                            fields.text("uuid"),
                            fields.number("blockBytes"),
                            fields.number("totalBytes")),
                    state(fields));
        } catch (IllegalArgumentException outOfRange) {
            throw new MissingFieldException("filesystems: " + outOfRange.getMessage());
        }
    }

    private static FilesystemState state(JsonFields fields) throws MissingFieldException {
        String reason = fields.text("reason");
        return switch (fields.text("state")) {
            case "free-space" ->
                new FilesystemState.FreeSpace(
                        fields.number("freeBytes"),
                        RangeSet.empty(),
                        fields.has("replayed") ? Optional.of(fields.text("replayed")) : Optional.empty());
            case "dirty" -> new FilesystemState.Dirty(reason);
            case "unsupported" -> new FilesystemState.Unsupported(reason);
            case "corrupt" -> new FilesystemState.Corrupt(reason);
            default -> throw new MissingFieldException("state");
        };
    }

    private static Map<Phase, Duration> phases(JsonFields millis) throws MissingFieldException {
        Map<Phase, Duration> phases = new EnumMap<>(Phase.class);
        for (Phase phase : Phase.values()) {
            if (millis.has(phase.contractName())) {
                phases.put(phase, Duration.ofMillis(millis.number(phase.contractName())));
            }
        }
        return phases;
    }

    static Path path(JsonFields fields) throws MissingFieldException {
        try {
            return Path.of(fields.text("image"));
        } catch (InvalidPathException e) {
            throw new MissingFieldException("image");
        }
    }

    static FileSize size(JsonFields fields) throws MissingFieldException {
        return new FileSize(fields.number("fileBytes"), fields.number("allocatedBytes"));
    }

    static Outcome outcome(JsonFields fields) throws MissingFieldException {
        String name = fields.text("outcome");
        return Arrays.stream(Outcome.values())
                .filter(outcome -> outcome.contractName().equals(name))
                .findFirst()
                .orElseThrow(() -> new MissingFieldException("outcome"));
    }
}
