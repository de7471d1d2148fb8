package virtshrink.inspect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import virtshrink.filesystem.Corpus;

/** Counts what was said of each filesystem of the corpus. Not thread-safe. */
final class CorpusTable {
    private final Map<String, Counts> byType = new TreeMap<>();
    private final Map<String, Integer> reasons = new TreeMap<>();
    private final List<String> cleanRefused = new ArrayList<>();

    private static final class Counts {
        private int rows;
        private int clean;
        private int equal;
        private int otherwiseAccepted;
        private int refused;
        private int cleanRefused;
    }

    void accepted(Corpus.Row row, boolean equal) {
        Counts counts = counted(row);
        if (equal) {
            counts.equal++;
        } else {
            counts.otherwiseAccepted++;
        }
    }

    void refused(Corpus.Row row, String reason) {
        Counts counts = counted(row);
        counts.refused++;
        String masked = reason.replaceAll("\\d+", "N");
        reasons.merge("%-12s %-18s %s".formatted(row.get("fstype"), row.get("verdict"), masked), 1, Integer::sum);
        if (row.isClean()) {
            counts.cleanRefused++;
            cleanRefused.add(row + ": " + reason);
        }
    }

    private Counts counted(Corpus.Row row) {
        Counts counts = byType.computeIfAbsent(row.get("fstype"), type -> new Counts());
        counts.rows++;
        if (row.isClean()) {
            counts.clean++;
        }
        return counts;
    }

    void print() {
        if (byType.isEmpty()) {
            return;
        }
        System.out.printf(
                "corpus: %-12s %6s %6s %6s %6s %8s %14s%n",
                "filesystem", "rows", "clean", "equal", "other", "refused", "clean refused");
        byType.forEach((type, counts) -> System.out.printf(
                "corpus: %-12s %6d %6d %6d %6d %8d %14d%n",
                type,
                counts.rows,
                counts.clean,
                counts.equal,
                counts.otherwiseAccepted,
                counts.refused,
                counts.cleanRefused));
        reasons.forEach((reason, count) -> System.out.printf("corpus: %5d  %s%n", count, reason));
        cleanRefused.forEach(row -> System.out.println("corpus: clean, refused: " + row));
    }
}
