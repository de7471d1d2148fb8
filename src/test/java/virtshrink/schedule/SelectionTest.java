package virtshrink.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.libvirt.DiskSource;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainState;
import virtshrink.libvirt.StatedBacking;

class SelectionTest {
    @TempDir
    Path directory;

    private static DomainRecord domain(String name, String title) {
        return new DomainRecord(
                name,
                new UUID(1, 2),
                title.isEmpty() ? Optional.empty() : Optional.of(title),
                DomainState.SHUT_OFF,
                Optional.empty(),
                false,
                0,
                0,
                true,
                "<domain/>",
                List.of(),
                List.of());
    }

    private static DomainDisk disk(Path file) {
        return new DomainDisk(
                "vda",
                "disk",
                new DiskSource.ImageFile(file),
                new DomainDisk.Location.Found(file),
                Optional.of("qcow2"),
                List.of(),
                Optional.empty(),
                512,
                new StatedBacking.Unstated(),
                List.of());
    }

    private static Patterns including(String... patterns) {
        return new Patterns(List.of(patterns), List.of());
    }

    private static Patterns excluding(String... patterns) {
        return new Patterns(List.of(), List.of(patterns));
    }

    @ParameterizedTest
    @CsvSource({
        "*, '', true",
        "'', '', true",
        "'', a, false",
        "web-*, web-1, true",
        "web-*, web-, true",
        "web-*, myweb-1, false",
        "*web*, myweb-1, true",
        "db?, db1, true",
        "db?, db, false",
        "db?, db12, false",
        "gr?n, grün, true",
        "?, 😀, true",
        "a*b*c, aXbXbXc, true",
        "a*b*c, aXbXbX, false",
        "Web, web, false",
        "*.qcow2, /srv/a b.qcow2, true",
    })
    void patternsMatchTheWholeText(String pattern, String text, boolean expected) {
        assertEquals(expected, Patterns.matches(pattern, text));
    }

    @Test
    void manyStarsDoNotTakeForever() {
        assertFalse(Patterns.matches("*a".repeat(200) + "b", "a".repeat(5000)));
    }

    @Test
    void everythingIsInByDefault() {
        assertEquals(Optional.empty(), Selection.ALL.whyNot(domain("web", "")));
        assertEquals(Optional.empty(), Selection.ALL.whyNot(disk(Path.of("/srv/a")), Map.of()));
    }

    @Test
    void namesTheKeyThatLeavesADomainOut() {
        Selection selection = new Selection(
                new Patterns(List.of("web-*"), List.of("web-9")), excluding("*keep*"), Patterns.ALL, Patterns.ALL);
        assertEquals(Optional.empty(), selection.whyNot(domain("web-1", "")));
        assertEquals(Optional.of("nothing in include-names matches"), selection.whyNot(domain("db", "")));
        assertEquals(Optional.of("exclude-names has 'web-9'"), selection.whyNot(domain("web-9", "")));
        assertEquals(Optional.of("exclude-titles has '*keep*'"), selection.whyNot(domain("web-1", "please keep me")));
    }

    @Test
    void aDomainWithoutTitleHasAnEmptyOne() {
        Selection untitled = new Selection(Patterns.ALL, including(""), Patterns.ALL, Patterns.ALL);
        assertEquals(Optional.empty(), untitled.whyNot(domain("web", "")));
        assertTrue(untitled.whyNot(domain("web", "titled")).isPresent());
    }

    @Test
    void aDiskBelongsToThePoolOfItsDirectoryThroughSymbolicLinks() throws Exception {
        Path real = Files.createDirectory(directory.resolve("real")).toRealPath();
        Path link = Files.createSymbolicLink(directory.resolve("link"), real);
        Selection selection = new Selection(Patterns.ALL, Patterns.ALL, including("fast"), Patterns.ALL);
        Map<String, Path> pools = Map.of("fast", real, "slow", directory.toRealPath());
        assertEquals(Optional.empty(), selection.whyNot(disk(link.resolve("a.qcow2")), pools));
        assertEquals(
                Optional.of("nothing in include-pools matches"),
                selection.whyNot(disk(directory.resolve("a.qcow2")), pools));
    }

    @Test
    void disksAreChosenByPath() {
        Selection selection = new Selection(Patterns.ALL, Patterns.ALL, Patterns.ALL, excluding("*.raw"));
        assertEquals(Optional.empty(), selection.whyNot(disk(Path.of("/srv/a.qcow2")), Map.of()));
        assertEquals(Optional.of("exclude-paths has '*.raw'"), selection.whyNot(disk(Path.of("/srv/a.raw")), Map.of()));
    }
}
