package virtshrink.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.Filesystem;
import virtshrink.history.HistoryReader;
import virtshrink.shrink.Outcome;

@Command(
        name = "history",
        description = "Shows what was done on this host: every run on every disk, and what all of them have given back."
                + " Writes nothing.")
final class HistoryCommand implements Callable<Integer> {
    private final Session session;

    @Option(
            names = "--since",
            paramLabel = "WHEN",
            converter = SinceConverter.class,
            description = "Nothing older: a date (2026-11-22), or a time back from now (12h, 7d).")
    private Instant since = Instant.MIN;

    @Option(names = "--domain", paramLabel = "NAME", description = "Only the domain of this name or UUID.")
    private @Nullable String domain;

    @Option(
            names = "--filesystems",
            description =
                    "Also what was found of each filesystem and what it could give back, or why it was left alone.")
    private boolean filesystems;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    @Option(
            names = "--directory",
            paramLabel = "DIR",
            description = "Where the history is (default: where the daemon's configuration says).")
    private @Nullable Path named;

    HistoryCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Totals totals = new Totals();
        Path directory = named == null ? HostHistory.directory() : named;
        int unreadable = json ? printJson(directory, totals) : printTable(directory, totals);
        if (unreadable > 0) {
            session.screen()
                    .err()
                    .println("virt-shrink: " + unreadable + (unreadable == 1 ? " line" : " lines")
                            + " of the history in "
                            + SafeText.of(directory.toString()) + " could not be understood");
        }
        return ExitCode.DONE.status();
    }

    /** Entry by entry: years of history need not fit into memory. */
    private int printJson(Path directory, Totals totals) throws IOException {
        PrintStream out = session.screen().out();
        String[] separator = {"{\"entries\":["};
        int unreadable = HistoryReader.read(directory, entry -> {
            if (isMeant(entry)) {
                out.print(separator[0] + Json.line(entry.toJson()));
                separator[0] = ",";
                totals.add(entry);
            }
        });
        out.println((separator[0].equals(",") ? "" : separator[0]) + "],\"totals\":" + Json.line(totals.json()) + "}");
        return unreadable;
    }

    private int printTable(Path directory, Totals totals) throws IOException {
        Screen screen = session.screen();
        String none = screen.outStyle().glyphs().none();
        DateTimeFormatter local =
                DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm").withZone(ZoneId.systemDefault());
        Table table = Table.of(
                Table.left("WHEN"),
                Table.left("DOMAIN"),
                Table.left("DISK"),
                Table.left("OUTCOME"),
                Table.right("BEFORE"),
                Table.right("AFTER"),
                Table.right("RECLAIMED"),
                Table.left("SCHEDULE"),
                Table.left("REASON"));
        int unreadable = HistoryReader.read(directory, entry -> {
            if (isMeant(entry) && entry instanceof DiskRun run) {
                totals.add(run);
                table.row(
                        local.format(run.at()),
                        run.domain().isEmpty() ? none : SafeText.of(run.domain()),
                        SafeText.of(run.target().isEmpty() ? run.image().toString() : run.target()),
                        run.outcome().contractName(),
                        ByteText.of(run.before().allocatedBytes()),
                        ByteText.of(run.after().allocatedBytes()),
                        run.outcome() == Outcome.SHRUNK ? ByteText.of(run.reclaimedBytes()) : none,
                        SafeText.of(run.schedule()),
                        SafeText.of(run.reason()));
                if (filesystems) {
                    run.filesystems().forEach(found -> addFilesystem(table, found));
                }
            }
        });
        if (table.isEmpty()) {
            screen.out().println("no runs");
        } else {
            table.lines("", screen.outStyle()).forEach(screen.out()::println);
            screen.out().println();
            screen.out()
                    .println(totals.runs + (totals.runs == 1 ? " run, " : " runs, ") + totals.shrunk
                            + " shrunk, reclaimed in all  "
                            + screen.outStyle().good(ByteText.of(totals.reclaimedBytes)));
        }
        return unreadable;
    }

    private static void addFilesystem(Table table, Filesystem found) {
        String gain = found.state().equals("free-space") ? ByteText.of(found.reclaimableBytes()) + " reclaimable" : "";
        table.row(
                "",
                "",
                "  " + SafeText.of(found.device()),
                SafeText.of(found.state()),
                "",
                "",
                "",
                SafeText.of(found.type()),
                SafeText.of(gain + (gain.isEmpty() || found.reason().isEmpty() ? "" : "; ") + found.reason()));
    }

    private boolean isMeant(HistoryEntry entry) {
        if (entry.at().isBefore(since)) {
            return false;
        }
        return Optional.ofNullable(domain)
                .map(wanted -> entry instanceof DiskRun run
                        && (run.domain().equals(wanted) || run.uuid().toString().equals(wanted)))
                .orElse(true);
    }

    /** Sums over the runs on disks. */
    private static final class Totals {
        private long runs;
        private long shrunk;
        private long reclaimedBytes;

        void add(HistoryEntry entry) {
            if (entry instanceof DiskRun run) {
                runs++;
                shrunk += run.outcome() == Outcome.SHRUNK ? 1 : 0;
                reclaimedBytes += run.reclaimedBytes();
            }
        }

        Map<String, Object> json() {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("runs", runs);
            json.put("shrunk", shrunk);
            json.put("reclaimedBytes", reclaimedBytes);
            return json;
        }
    }
}
