package virtshrink.cli;

import java.io.PrintStream;
import java.util.List;
import virtshrink.job.DomainResult;
import virtshrink.shrink.Outcome;

/** Shows a person what became of domains. */
final class DomainPrinter {
    private final Screen screen;
    private final boolean tables;
    private final boolean estimate;
    private final DiskPrinter disks;

    DomainPrinter(Screen screen, OutputOptions output, boolean estimate) {
        this.screen = screen;
        this.tables = output.showsTables();
        this.estimate = estimate;
        this.disks = new DiskPrinter(screen, output, estimate);
    }

    void print(DomainResult result) {
        String name = SafeText.of(result.name());
        Style style = screen.outStyle();
        PrintStream out = screen.out();
        if (result.ended().isPresent()) {
            complain(name, result.outcome(), result.reason());
            return;
        }
        if (tables) {
            out.println(style.bold("domain " + name));
            out.println();
        }
        for (DomainResult.Disk disk : result.disks()) {
            if (disk instanceof DomainResult.Run run) {
                disks.print(run.report(), run.format());
            } else if (disk instanceof DomainResult.LeftAlone left) {
                String target = SafeText.of(left.target());
                if (tables) {
                    out.println(style.bold(target) + "  " + style.warning("left alone") + "  "
                            + SafeText.of(left.reason()));
                    out.println();
                }
                left.counted().ifPresent(outcome -> complain(name + ", " + target, outcome, left.reason()));
            }
        }
        if (tables) {
            result.notes().forEach(note -> out.println("  note  " + SafeText.of(note)));
        }
    }

    /** What all domains together gave back, where there is more than one disk to add up. */
    void printTotal(List<DomainResult> results) {
        List<DomainResult.Run> runs = results.stream()
                .flatMap(result -> result.disks().stream())
                .filter(DomainResult.Run.class::isInstance)
                .map(DomainResult.Run.class::cast)
                .toList();
        if (tables && runs.size() > 1) {
            long bytes = runs.stream()
                    .mapToLong(run -> estimate
                            ? run.report().reclaimableBytes()
                            : run.report().reclaimedBytes())
                    .sum();
            long before = runs.stream()
                    .mapToLong(run -> run.report().before().allocatedBytes())
                    .sum();
            Style style = screen.outStyle();
            screen.out()
                    .println(style.bold(runs.size() + " disks") + "  " + (estimate ? "reclaimable " : "reclaimed ")
                            + style.good(ByteText.of(bytes)) + " of " + ByteText.of(before));
        }
    }

    private void complain(String what, Outcome outcome, String reason) {
        screen.err().println("virt-shrink: " + what + ": " + ReportText.outcomeWords(outcome, reason));
    }
}
