package virtshrink.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SuggestionTest {
    private static final List<String> KEYS = List.of("include-names", "include-pools", "cron");

    @Test
    void countsEdits() {
        assertEquals(0, Suggestion.distance("cron", "cron"));
        assertEquals(3, Suggestion.distance("kitten", "sitting"));
        assertEquals(4, Suggestion.distance("", "cron"));
    }

    @Test
    void findsTheNearestAndNothingFarAway() {
        assertEquals(Optional.of("include-names"), Suggestion.nearest("include_name", KEYS));
        assertEquals(Optional.of("cron"), Suggestion.nearest("corn", KEYS));
        assertEquals(Optional.empty(), Suggestion.nearest("telephone", KEYS));
        assertEquals(Optional.empty(), Suggestion.nearest("x".repeat(100), KEYS));
    }
}
