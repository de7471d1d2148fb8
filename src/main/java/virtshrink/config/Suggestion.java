package virtshrink.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Finds what somebody probably meant. */
final class Suggestion {
    /** Longer words are nobody's typing error; the cost below grows with the square of the length. */
    private static final int LONGEST = 64;

    private Suggestion() {}

    /** {@code "; did you mean …?"} with the nearest of the candidates, or nothing where none is near. */
    static String phrase(String written, Collection<String> candidates) {
        return nearest(written, candidates)
                .map(found -> "; did you mean '" + found + "'?")
                .orElse("");
    }

    /** As {@link #phrase}, for names with capital letters. */
    static String phraseIgnoringCase(String written, Collection<String> candidates) {
        return candidates.stream()
                .filter(candidate -> candidate.equalsIgnoreCase(written.replace(' ', '_')))
                .findFirst()
                .map(found -> "; did you mean '" + found + "'?")
                .orElseGet(() -> phrase(written, candidates));
    }

    static Optional<String> nearest(String written, Collection<String> candidates) {
        if (written.length() > LONGEST) {
            return Optional.empty();
        }
        String word = written.toLowerCase(Locale.ROOT).replace('_', '-');
        int tolerated = Math.max(2, word.length() / 3);
        return candidates.stream()
                .filter(candidate -> distance(word, candidate) <= tolerated)
                .min(Comparator.comparingInt((String candidate) -> distance(word, candidate))
                        .thenComparing(Comparator.naturalOrder()));
    }

    /** Levenshtein's edit distance. */
    static int distance(String one, String other) {
        int[] row = new int[other.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= one.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int substituted = diagonal + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[other.length()];
    }
}
