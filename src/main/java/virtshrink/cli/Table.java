package virtshrink.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Aligned columns under a header and a rule. The cells are shown as given: callers make foreign text safe first. */
final class Table {
    private static final String GAP = "  ";

    private final List<Column> columns;
    private final List<List<String>> rows = new ArrayList<>();

    private Table(List<Column> columns) {
        this.columns = columns;
    }

    static Table of(Column... columns) {
        return new Table(List.of(columns));
    }

    /** A column of words. */
    static Column left(String title) {
        return new Column(title, false);
    }

    /** A column of figures. */
    static Column right(String title) {
        return new Column(title, true);
    }

    Table row(String... cells) {
        if (cells.length != columns.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + columns.size() + " columns");
        }
        rows.add(List.of(cells));
        return this;
    }

    boolean isEmpty() {
        return rows.isEmpty();
    }

    /** The lines, without trailing spaces, each after the indent. */
    List<String> lines(String indent, Style style) {
        int[] widths = new int[columns.size()];
        for (int i = 0; i < widths.length; i++) {
            widths[i] = TextWidth.columns(columns.get(i).title());
            for (List<String> row : rows) {
                widths[i] = Math.max(widths[i], TextWidth.columns(row.get(i)));
            }
        }
        List<String> lines = new ArrayList<>();
        lines.add(indent + style.faint(line(columns.stream().map(Column::title).toList(), widths)));
        int total = Arrays.stream(widths).sum() + GAP.length() * (widths.length - 1);
        lines.add(indent + style.faint(style.glyphs().rule().repeat(total)));
        for (List<String> row : rows) {
            lines.add(indent + line(row, widths));
        }
        return lines;
    }

    private String line(List<String> cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String cell = cells.get(i);
            line.append(i == 0 ? "" : GAP)
                    .append(
                            columns.get(i).figures()
                                    ? TextWidth.padLeft(cell, widths[i])
                                    : TextWidth.padRight(cell, widths[i]));
        }
        return line.toString().stripTrailing();
    }

    /** A title and whether what stands under it is aligned to the right. */
    record Column(String title, boolean figures) {}
}
