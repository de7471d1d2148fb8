package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.libvirt.PrivateLibvirtd;

/** What {@code virt-shrink list} says of real domains of many kinds when the daemon is configured. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ExplainedListTest {
    private static final String TAKEN = "would shrink it";

    @TempDir
    static Path directory;

    private DomainHost host;
    private DomainDiskFixture disks;
    private Path config;
    private Path win;

    @BeforeAll
    void defineDomains() throws IOException {
        host = DomainHost.start(directory);
        disks = DomainDiskFixture.in(host.images);
        for (String name : List.of("web", "win-1", "off", "paused", "running", "saved", "picky", "typing")) {
            Path image = define(name);
            if (name.equals("win-1")) {
                win = image;
            }
        }
        Path fresh = define("fresh");
        for (Path image : images()) {
            age(image, Duration.ofDays(2));
        }
        age(fresh, Duration.ofHours(2));
        Path empty = host.images.resolve("empty.qcow2");
        PrivateLibvirtd.run(List.of("qemu-img", "create", "-q", "-f", "qcow2", empty.toString(), "16M"));
        age(empty, Duration.ofDays(2));
        host.libvirtd.defineDomain("empty", fileDisk("vda", empty, "qcow2"));
        host.libvirtd.defineDomain("diskless");
        host.libvirtd.defineDomain(
                "two", fileDisk("vda", disk("two-a"), "qcow2"), fileDisk("vdb", disk("two-b"), "qcow2"));

        policy("off", "--disable");
        policy("picky", "--min-reclaim", "1G");
        policy("two", "--exclude-disks", "vdb", "--min-hours-off", "0");
        host.libvirtd.virsh(
                "metadata", "typing", "urn:virt-shrink:policy:1.0", "--key", "v", "--set", "<policy disabeld='yes'/>");
        for (String started : List.of("running", "paused", "saved")) {
            host.libvirtd.virsh("start", started);
        }
        host.libvirtd.virsh("suspend", "paused");
        host.libvirtd.virsh("managedsave", "saved");

        config = directory.resolve("virt-shrinkd.toml");
        write("""
                connect = "%s"
                [history]
                directory = "%s"
                [schedule.nightly]
                cron = "0 30 1 * * ?"
                exclude-names = ["win*"]
                min-reclaim = "1M"
                min-hours-off = 24
                [schedule.sundays]
                cron = "0 0 3 ? * SUN"
                include-names = ["win*", "web"]
                """);
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private void write(String text) throws IOException {
        Files.writeString(config, text.formatted(host.libvirtd.uri(), directory.resolve("history")));
    }

    private Path disk(String name) throws IOException {
        return disks.qcow2(name + ".qcow2");
    }

    private Path define(String name) throws IOException {
        Path image = disk(name);
        host.libvirtd.defineDomain(name, fileDisk("vda", image, "qcow2"));
        return image;
    }

    private List<Path> images() throws IOException {
        try (var files = Files.list(host.images)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    private static void age(Path image, Duration age) throws IOException {
        Files.setLastModifiedTime(image, FileTime.from(Instant.now().minus(age)));
    }

    private void policy(String... arguments) {
        String[] all = new String[arguments.length + 1];
        all[0] = "policy";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        assertEquals(0, host.run(all).status());
    }

    /** What a schedule says of each disk, by domain and target. */
    private static Map<String, String> answers(Map<String, Object> json, String schedule) {
        Map<String, String> found = new TreeMap<>();
        for (Object domain : (List<?>) json.get("domains")) {
            for (Object disk : (List<?>) ((Map<?, ?>) domain).get("disks")) {
                for (Object answer : (List<?>) ((Map<?, ?>) disk).get("schedules")) {
                    Map<?, ?> one = (Map<?, ?>) answer;
                    if (one.get("schedule").equals(schedule)) {
                        boolean taken = (Boolean) one.get("taken");
                        assertEquals(taken, one.get("reason").equals(""));
                        found.put(
                                ((Map<?, ?>) domain).get("domain") + " " + ((Map<?, ?>) disk).get("target"),
                                taken ? TAKEN : one.get("reason").toString());
                    }
                }
            }
        }
        return found;
    }

    @Test
    void everyDomainAndDiskIsExplainedForEverySchedule() throws Exception {
        Cli.Result result = host.run("list", "--json", "--config", config.toString());
        assertEquals(0, result.status(), result::toString);
        Map<String, String> expected = new TreeMap<>(Map.of(
                "web vda", TAKEN,
                "win-1 vda", "exclude-names has 'win*'",
                "off vda", "disabled by the policy in its metadata",
                "picky vda", "of its own policy = 1G",
                "two vda", TAKEN,
                "two vdb", "exclude-disks of its own policy names it",
                "running vda", "the domain running is running, not shut off",
                "paused vda", "the domain paused is paused, not shut off",
                "saved vda", "the domain saved has a managed save image",
                "fresh vda", "off for 2 h of the 24 h that min-hours-off asks for"));
        expected.put("typing vda", "the policy in its metadata cannot be followed: there is no setting 'disabeld'");
        expected.put("empty vda", "free space holds no data");
        Map<String, String> nightly = answers(result.json(), "nightly");
        assertEquals(expected.keySet(), nightly.keySet());
        expected.forEach(
                (disk, words) -> assertTrue(nightly.get(disk).contains(words), disk + ": " + nightly.get(disk)));

        Map<String, String> sundays = new LinkedHashMap<>(answers(result.json(), "sundays"));
        sundays.values().removeIf("nothing in include-names matches"::equals);
        assertEquals(
                "the gain of",
                sundays.remove("web vda").substring(0, 11),
                "12 MiB are below the standard minimum of 64 MiB");
        assertEquals("the gain of", sundays.remove("win-1 vda").substring(0, 11));
        assertEquals(Map.of(), sundays);
        assertEquals(List.of(), result.json().get("notes"));
    }

    @Test
    void aPersonSeesItBelowTheDiskUnlessLibvirtForbidsItAnyway() {
        Cli.Result result = host.run("list", "--config", config.toString());
        List<String> lines = result.out().lines().map(String::strip).toList();
        int line = 0;
        while (!lines.get(line).endsWith(win.toString())) {
            line++;
        }
        assertEquals("nightly: exclude-names has 'win*'", lines.get(line + 1));
        assertTrue(lines.get(line + 2).startsWith("sundays: the gain of "), result.out());
        assertTrue(lines.contains("nightly: would shrink it"), result.out());
        assertFalse(result.out().contains("nightly: the domain running"), result.out());
    }

    @Test
    void withoutAConfigurationOnlyEligibilityIsShown() throws Exception {
        assumeFalse(
                Files.exists(Path.of("/etc/virt-shrink/virt-shrinkd.toml")),
                "needs a host without /etc/virt-shrink/virt-shrinkd.toml");
        Map<String, Object> json = host.run("list", "--json").json();
        assertEquals(Map.of(), answers(json, "nightly"));
        assertEquals(List.of(), json.get("notes"));
    }

    @Test
    void aBrokenConfigurationIsANoteAndNoFailure() throws Exception {
        Path broken = Files.writeString(
                directory.resolve("broken.toml"), "[schedule.a]\ncron = 'never'\nexclude-name = ['a']\n");
        Cli.Result result = host.run("list", "--config", broken.toString());
        assertEquals(0, result.status());
        assertTrue(
                result.out()
                        .contains(
                                "note  the daemon's configuration cannot be used, so nothing is said of its schedules"),
                result.out());
        assertTrue(result.out().contains(broken + ":3:1: there is no key 'schedule.a.exclude-name'"), result.out());
        assertTrue(result.out().contains(":2:1: "), result.out());
        Cli.Result missing = host.run("list", "--json", "--config", "/nowhere.toml");
        assertTrue(missing.json().get("notes").toString().contains("/nowhere.toml: there is no such file"));
    }

    @Test
    void aConfigurationForAnotherHypervisorSaysNothingOfTheseDomains() throws Exception {
        Path other = Files.writeString(directory.resolve("other.toml"), "[schedule.a]\ncron = '0 0 1 * * ?'\n");
        Cli.Result result = host.run("list", "--json", "--config", other.toString());
        assertTrue(
                result.json().get("notes").toString().contains("is for the domains of qemu:///system, not of "),
                result::toString);
        assertEquals(Map.of(), answers(result.json(), "a"));
    }
}
