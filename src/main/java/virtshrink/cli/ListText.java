package virtshrink.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import virtshrink.shrink.FileSize;

/** The list of all domains for a person. */
final class ListText {
    private static final int NAME_COLUMNS = 40;

    private final Style style;

    ListText(Style style) {
        this.style = style;
    }

    List<String> lines(List<ListEntry> entries, List<String> notes) {
        List<String> lines = new ArrayList<>(entries.isEmpty() ? List.of("no domains") : table(entries));
        ListEntry.notes(entries, notes).forEach(note -> lines.add("note  " + SafeText.of(note)));
        return lines;
    }

    private List<String> table(List<ListEntry> entries) {
        Table table = Table.of(
                Table.left("DOMAIN"),
                Table.left("STATE"),
                Table.left("DISK"),
                Table.right("TAKES"),
                Table.right("RECLAIMABLE"),
                Table.left("IMAGE, OR WHY IT IS LEFT ALONE"));
        long reclaimable = 0;
        for (ListEntry entry : entries) {
            addRows(table, entry);
            reclaimable += entry.rows().stream()
                    .mapToLong(row -> row.reclaimableBytes().orElse(0))
                    .sum();
        }
        List<String> lines = new ArrayList<>(table.lines("", style));
        lines.add("");
        lines.add("reclaimable in all  " + style.good(ByteText.of(reclaimable)));
        return lines;
    }

    private void addRows(Table table, ListEntry entry) {
        String none = style.glyphs().none();
        String name = SafeText.of(entry.domain().name(), NAME_COLUMNS, style.glyphs());
        String state = entry.domain().state().text();
        List<ListEntry.Row> rows = entry.rows();
        if (rows.isEmpty()) {
            String reason = entry.estimate().reason();
            table.row(name, state, none, none, none, reason.isEmpty() ? "no disks" : SafeText.of(reason));
        }
        for (int i = 0; i < rows.size(); i++) {
            ListEntry.Row row = rows.get(i);
            boolean first = i == 0;
            table.row(
                    first ? name : "",
                    first ? state : "",
                    SafeText.of(row.target(), NAME_COLUMNS, style.glyphs()),
                    row.size().map(FileSize::allocatedBytes).map(ByteText::of).orElse(none),
                    row.reclaimableBytes().isPresent()
                            ? ByteText.of(row.reclaimableBytes().getAsLong())
                            : none,
                    SafeText.of(
                            row.reason().isEmpty()
                                    ? row.image().map(Path::toString).orElse("")
                                    : row.reason()));
            // The first rule that matches is libvirt's: what it forbids, no schedule takes.
            if (row.reason().isEmpty()) {
                row.schedules().forEach(answer -> table.row("", "", "", "", "", "  " + SafeText.of(answer.text())));
            }
        }
    }
}
