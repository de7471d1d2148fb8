package virtshrink.cli;

import java.util.List;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;

/** Shows a person how the run on a disk ended: a table on standard output, a complaint on standard error. */
final class DiskPrinter {
    private final Screen screen;
    private final boolean tables;
    private final boolean estimate;

    DiskPrinter(Screen screen, OutputOptions output, boolean estimate) {
        this.screen = screen;
        this.tables = output.showsTables();
        this.estimate = estimate;
    }

    void print(ShrinkReport report, ImageFormat format) {
        boolean good = report.outcome() == Outcome.SHRUNK || report.outcome() == Outcome.NOTHING_TO_GAIN;
        // Without an inspection the table has nothing to say beyond the complaint.
        if (tables && (good || report.inspection().isPresent())) {
            List<String> lines = new ReportText(screen.outStyle(), estimate).lines(report, format);
            lines.forEach(screen.out()::println);
            screen.out().println();
        }
        if (!good) {
            screen.err()
                    .println("virt-shrink: " + SafeText.of(report.image().toString()) + ": "
                            + ReportText.outcomeWords(report.outcome(), report.reason()));
        }
    }
}
