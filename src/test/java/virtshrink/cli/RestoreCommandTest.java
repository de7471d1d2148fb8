package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestoreCommandTest {
    @TempDir
    Path directory;

    private final Cli cli = new Cli();

    /** As the daemon writes it; an old file must stay readable. */
    @BeforeEach
    void keepOne() throws IOException {
        Path original = Files.writeString(directory.resolve("a.qcow2.virt-shrink-original-20261122T013000Z"), "1234");
        Files.createDirectories(directory.resolve("originals"));
        Files.writeString(directory.resolve("originals/0123456789ab.json"), """
                {"id":"0123456789ab","stage":"KEPT","owner":"1 1","since":"2026-11-22T01:30:07Z",\
                "uuid":"00000000-0000-0000-0000-000000000001","domain":"web","target":"vda",\
                "image":"%s","imageFormat":"qcow2","original":"%s","originalFormat":"qcow2",\
                "stamp":"1 2 3 4 5","replacement":"1 3 3 4 5","keep":"until-clean-stop"}
                """.formatted(
                        directory.resolve("a.qcow2"), original));
        Files.writeString(directory.resolve("originals/broken.json"), "{");
    }

    private Cli.Result restore(String arguments) {
        return cli.run("restore --directory " + directory + " " + arguments);
    }

    @Test
    void listsWhatIsKept() {
        Cli.Result result = restore("--list");
        assertEquals(0, result.status());
        String[] lines = result.out().split("\n", -1);
        assertTrue(lines[0].startsWith("SINCE"), result::out);
        assertTrue(lines[2].contains("web") && lines[2].contains("until-clean-stop"), result::out);
        assertEquals(4, lines.length, result::out);
    }

    @Test
    void listsForPrograms() throws IOException {
        Map<String, Object> json = restore("--list --json").json();
        Map<?, ?> original = (Map<?, ?>) ((List<?>) json.get("originals")).get(0);
        assertEquals("web", original.get("domain"));
        assertEquals("2026-11-22T01:30:07Z", original.get("since"));
        assertEquals("kept", original.get("stage"));
    }

    @Test
    void listsOnlyWhatIsAskedFor() {
        assertEquals("no originals are kept\n", restore("--list db").out());
        assertEquals("no originals are kept\n", restore("--list web --disk vdb").out());
        assertEquals(4, restore("--list web --disk vda").out().split("\n", -1).length);
    }

    @Test
    void needsADomain() {
        Cli.Result result = restore("--json");
        assertEquals(2, result.status());
        assertTrue(result.err().contains("the name of a domain, or --list"), result::err);
    }

    @Test
    void refusesWhatIsNotKept() {
        Cli.Result result = restore("db");
        assertEquals(3, result.status());
        assertTrue(result.err().contains("no original of the domain db is kept"), result::err);
    }

    @Test
    void refusesADomainThatIsNoLongerDefined() throws IOException {
        Cli.Result result = restore("web --json");
        assertEquals(3, result.status());
        Map<?, ?> disk = (Map<?, ?>) ((List<?>) result.json().get("disks")).get(0);
        assertEquals("refused", disk.get("outcome"));
        assertTrue(String.valueOf(disk.get("reason")).contains("is no longer defined"), disk::toString);
    }
}
