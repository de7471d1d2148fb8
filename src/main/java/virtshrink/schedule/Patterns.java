package virtshrink.schedule;

import java.util.List;
import java.util.Optional;

/**
 * What is in and what is out. In a pattern, {@code *} stands for any text and {@code ?} for any one character; the whole text must match,
 * capital letters matter. Immutable.
 *
 * @param include empty means everything
 * @param exclude has the last word
 */
public record Patterns(List<String> include, List<String> exclude) {
    /** Everything. */
    public static final Patterns ALL = new Patterns(List.of(), List.of());

    public Patterns {
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
    }

    /**
     * Why something is out.
     *
     * @param what a word for the texts, in the plural: {@code names}
     * @param texts any of them may match
     * @return the clause {@code one of its names matches …}; empty if it is in
     */
    Optional<String> whyNot(String what, List<String> texts) {
        for (String pattern : exclude) {
            if (texts.stream().anyMatch(text -> matches(pattern, text))) {
                return Optional.of("exclude-" + what + " has '" + pattern + "'");
            }
        }
        boolean included = include.isEmpty()
                || include.stream().anyMatch(pattern -> texts.stream().anyMatch(text -> matches(pattern, text)));
        return included ? Optional.empty() : Optional.of("nothing in include-" + what + " matches");
    }

    /** Linear but for the last star: when something does not fit, only that one can have taken too little. */
    static boolean matches(String pattern, String text) {
        int[] wanted = pattern.codePoints().toArray();
        int[] given = text.codePoints().toArray();
        int p = 0;
        int t = 0;
        int star = -1;
        int takenUntil = 0;
        while (t < given.length) {
            if (p < wanted.length && wanted[p] == '*') {
                star = p++;
                takenUntil = t;
            } else if (p < wanted.length && (wanted[p] == '?' || wanted[p] == given[t])) {
                p++;
                t++;
            } else if (star >= 0) {
                p = star + 1;
                t = ++takenUntil;
            } else {
                return false;
            }
        }
        while (p < wanted.length && wanted[p] == '*') {
            p++;
        }
        return p == wanted.length;
    }
}
