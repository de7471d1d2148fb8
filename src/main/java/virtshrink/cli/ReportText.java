package virtshrink.cli;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;

/** The closing table of a run on one disk. */
final class ReportText {
    private static final int NAME_COLUMNS = 11;
    private static final int TIMES_COLUMNS = 64;

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
        boolean good = report.outcome() == Outcome.SHRUNK || report.outcome() == Outcome.NOTHING_TO_GAIN;
        String now = ByteText.of(report.before().allocatedBytes());
        if (estimate) {
            fact(lines, "now", now);
            if (good) {
                fact(lines, "reclaimable", gain(report.reclaimableBytes(), report));
            }
        } else {
            fact(lines, "before", now);
            fact(lines, "after", ByteText.of(report.after().allocatedBytes()));
            fact(lines, "reclaimed", gain(report.reclaimedBytes(), report));
        }
        if (!report.phases().isEmpty()) {
            times(lines, report.phases());
        }
        if (!estimate || !good) {
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

    /** The whole, and under it the phases, in as many lines as they need. */
    private void times(List<String> lines, Map<Phase, Duration> phases) {
        fact(lines, "time", TimeText.spent(phases.values().stream().reduce(Duration.ZERO, Duration::plus)));
        String separator = " " + style.glyphs().dot() + " ";
        String line = "";
        for (Map.Entry<Phase, Duration> phase : phases.entrySet()) {
            String time = phase.getKey().contractName() + " " + TimeText.spent(phase.getValue());
            String longer = line.isEmpty() ? time : line + separator + time;
            if (TextWidth.columns(longer) > TIMES_COLUMNS) {
                fact(lines, "", style.faint(line));
                longer = time;
            }
            line = longer;
        }
        fact(lines, "", style.faint(line));
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
