package virtshrink.cli;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;

/** The closing table of a run on one disk. */
final class ReportText {
    private static final int NAME_COLUMNS = 11;

    private final Style style;
    private final boolean estimate;

    /** @param estimate whether nothing was to be written: then the figures are expectations */
    ReportText(Style style, boolean estimate) {
        this.style = style;
        this.estimate = estimate;
    }

    List<String> lines(ShrinkReport report, ImageFormat format) {
        List<String> lines = new ArrayList<>();
        lines.add(title(report, format));
        lines.add("");
        String now = ByteText.of(report.before().allocatedBytes());
        if (estimate) {
            fact(lines, "now", now);
            if (report.outcome() == Outcome.SHRUNK || report.outcome() == Outcome.NOTHING_TO_GAIN) {
                fact(lines, "reclaimable", gain(report.reclaimableBytes(), report));
            }
        } else {
            fact(lines, "before", now);
            fact(lines, "after", ByteText.of(report.after().allocatedBytes()));
            fact(lines, "reclaimed", gain(report.reclaimedBytes(), report));
        }
        if (!report.phases().isEmpty()) {
            fact(lines, "time", times(report.phases()));
        }
        if (!estimate || report.outcome() != Outcome.SHRUNK) {
            fact(lines, "outcome", outcome(report));
        }
        report.inspection().ifPresent(disk -> {
            InspectionText inspection = new InspectionText(style);
            lines.add("");
            lines.addAll(inspection.filesystems(disk, Optional.of(report.gains())));
            lines.addAll(inspection.leftAlone(disk));
        });
        if (!report.notes().isEmpty()) {
            lines.add("");
            report.notes().forEach(note -> fact(lines, "note", SafeText.of(note)));
        }
        return lines;
    }

    /** Outcome and reason in words: {@code refused: the image is open for writing elsewhere}. */
    static String outcomeWords(Outcome outcome, String reason) {
        String words = outcome.contractName().replace('-', ' ');
        return reason.isEmpty() ? words : words + ": " + SafeText.of(reason);
    }

    private String title(ShrinkReport report, ImageFormat format) {
        String target = report.target().map(name -> SafeText.of(name) + "  ").orElse("");
        String size = report.inspection()
                .map(disk -> " " + style.glyphs().dot() + " " + ByteText.of(disk.virtualBytes()))
                .orElse("");
        return style.bold(target + SafeText.of(report.image().toString())) + "  "
                + style.faint(format.qemuName() + size);
    }

    private String gain(long bytes, ShrinkReport report) {
        String percent = ByteText.percent(bytes, report.before().allocatedBytes());
        String text = ByteText.of(bytes) + (percent.isEmpty() ? "" : "  (" + percent + ")");
        return bytes > 0 ? style.good(text) : text;
    }

    private String times(Map<Phase, Duration> phases) {
        Duration total = phases.values().stream().reduce(Duration.ZERO, Duration::plus);
        String each = phases.entrySet().stream()
                .map(entry -> entry.getKey().contractName() + " " + TimeText.spent(entry.getValue()))
                .collect(Collectors.joining(" " + style.glyphs().dot() + " "));
        return TimeText.spent(total) + "  " + style.faint("(" + each + ")");
    }

    private String outcome(ShrinkReport report) {
        String words = outcomeWords(report.outcome(), report.reason());
        return switch (report.outcome()) {
            case SHRUNK -> style.good(words);
            case NOTHING_TO_GAIN -> words;
            case REFUSED, YIELDED -> style.warning(words);
            case FAILED -> style.bad(words);
        };
    }

    private static void fact(List<String> lines, String name, String value) {
        lines.add("  " + TextWidth.padRight(name, NAME_COLUMNS) + "  " + value);
    }
}
