package virtshrink.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import virtshrink.shrink.Cause;

/** The dashboard speaks of what there is, and of all of it. */
class DashboardTest {
    private static final Path DASHBOARD = Path.of("packaging/grafana/virt-shrink.json");
    private static final Pattern NAME = Pattern.compile("virt_shrink_[a-z_]+");
    private static final Pattern LABELS_TO_SUM_BY = Pattern.compile("by \\(([a-z, ]+)\\)");
    private static final Pattern LABEL = Pattern.compile("([a-z]+)=\"");

    private static Map<String, Object> dashboard() throws IOException {
        return JSON.std.mapFrom(Files.readString(DASHBOARD));
    }

    /** Every text anywhere under these keys. */
    private static List<String> texts(Object json, Set<String> keys) {
        List<String> found = new ArrayList<>();
        if (json instanceof Map<?, ?> map) {
            map.forEach((key, value) -> {
                if (value instanceof String text && keys.contains(String.valueOf(key))) {
                    found.add(text);
                }
                found.addAll(texts(value, keys));
            });
        } else if (json instanceof Collection<?> list) {
            list.forEach(element -> found.addAll(texts(element, keys)));
        }
        return found;
    }

    private static String exposed() {
        Figures figures = new Figures(new Standing("1", () -> Map.of("s", Optional.of(Entries.NOON))));
        figures.count(Entries.run("a", Path.of("/srv/a.qcow2"), Cause.DONE, 1, 999, 0));
        figures.count(Entries.began("s"));
        figures.count(Entries.ended("s", Entries.NOON, ""));
        return new String(figures.text(), StandardCharsets.UTF_8);
    }

    private static Set<String> names(String text) {
        return NAME.matcher(text).results().map(match -> match.group()).collect(Collectors.toCollection(TreeSet::new));
    }

    /** Names of samples, which for a histogram are more than that of the metric. */
    private static Set<String> samples() {
        return names(exposed().replaceAll("(?m)^#.*$", ""));
    }

    @Test
    void asksOnlyForFiguresThatThereAre() throws IOException {
        List<String> queries = texts(dashboard(), Set.of("expr", "query", "definition"));
        assertTrue(queries.size() > 15, queries::toString);
        Set<String> unknown = names(queries.toString());
        unknown.removeAll(samples());
        assertEquals(Set.of(), unknown);
    }

    @Test
    void showsEveryFigure() throws IOException {
        Set<String> notShown = samples();
        notShown.removeAll(names(texts(dashboard(), Set.of("expr")).toString()));
        assertEquals(Set.of(), notShown);
    }

    @Test
    void asksOnlyForLabelsThatThereAre() throws IOException {
        Set<String> known = new HashSet<>(Set.of("instance", "le"));
        LABEL.matcher(exposed()).results().forEach(match -> known.add(match.group(1)));
        for (String query : texts(dashboard(), Set.of("expr"))) {
            LABELS_TO_SUM_BY.matcher(query).results().forEach(match -> {
                for (String label : match.group(1).split(", ", -1)) {
                    assertTrue(known.contains(label), query);
                }
            });
            LABEL.matcher(query.replace("=~\"", "=\"").replace("!=\"", "=\""))
                    .results()
                    .forEach(match -> assertTrue(known.contains(match.group(1)), query));
        }
    }

    @Test
    void panelsHaveDifferentNumbersAndLieBesideOneAnother() throws IOException {
        Set<Object> numbers = new HashSet<>();
        Set<String> taken = new HashSet<>();
        for (Object element : (List<?>) dashboard().get("panels")) {
            Map<?, ?> panel = (Map<?, ?>) element;
            assertTrue(numbers.add(panel.get("id")), panel::toString);
            Map<?, ?> place = (Map<?, ?>) panel.get("gridPos");
            int left = (Integer) place.get("x");
            int top = (Integer) place.get("y");
            assertTrue(left + (Integer) place.get("w") <= 24, panel::toString);
            for (int x = left; x < left + (Integer) place.get("w"); x++) {
                for (int y = top; y < top + (Integer) place.get("h"); y++) {
                    assertTrue(taken.add(x + "," + y), panel::toString);
                }
            }
        }
        assertFalse(numbers.isEmpty());
    }

    @Test
    void isTiedToNoInstallation() throws IOException {
        Map<String, Object> dashboard = dashboard();
        assertTrue(dashboard.containsKey("id"));
        assertEquals(Optional.empty(), Optional.ofNullable(dashboard.get("id")));
        assertEquals(
                Set.of("virt-shrink", "${datasource}", "-- Grafana --"), Set.copyOf(texts(dashboard, Set.of("uid"))));
    }
}
