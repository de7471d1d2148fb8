package virtshrink.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.config.ScheduleSettings.Misfire;
import virtshrink.config.ScheduleSettings.Patterns;
import virtshrink.schedule.CronTimes;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.RawDisks;
import virtshrink.shrink.SpaceReserve;

class ConfigurationFileTest {
    private static final SyntaxChecks CHECKS = new SyntaxChecks(
            CronTimes::problemWith,
            uri -> uri.startsWith("qemu") ? Optional.empty() : Optional.of("it must begin with qemu"));
    private static final Path SHIPPED = Path.of("config/virt-shrinkd.toml");

    @TempDir
    Path directory;

    private Path write(String text) throws IOException {
        return Files.writeString(directory.resolve("virt-shrinkd.toml"), text);
    }

    private Configuration read(String text) throws IOException, InvalidConfigurationException {
        return ConfigurationFile.read(write(text), CHECKS);
    }

    /** Line and message of everything that is wrong with the text. */
    private List<String> problems(String text) throws IOException {
        Path file = write(text);
        return assertThrows(InvalidConfigurationException.class, () -> ConfigurationFile.read(file, CHECKS))
                .problems()
                .stream()
                .map(problem -> problem.line() + " " + problem.message())
                .toList();
    }

    private String problemWith(String scheduleLine) throws IOException {
        List<String> found = problems("[schedule.s]\ncron = '0 30 1 * * ?'\n" + scheduleLine);
        assertEquals(1, found.size(), found::toString);
        assertTrue(found.get(0).startsWith("3 "), found::toString);
        return found.get(0).substring(2);
    }

    @Test
    void readsEveryKey() throws Exception {
        Configuration configuration = read("""
                connect = "qemu:///session"
                control-group = "root"
                [history]
                directory = "/srv/history"
                keep-days = 30
                [limits]
                disks = 6
                disks-per-device = 3
                io-rate = "200M"
                reserve = "2.5%"
                max-load = 1.5
                max-io-pressure = 40
                [schedule.weeknights]
                cron = "0 30 1 ? * MON-FRI"
                time-zone = "Europe/Berlin"
                window-end = "05:30"
                start-margin-minutes = 20
                misfire = "skip"
                after-stop-minutes = 10
                include-names = ["web-*", "db?"]
                exclude-names = ["web-9"]
                include-titles = ["*test*"]
                exclude-titles = ["keep"]
                include-pools = ["default"]
                exclude-pools = ["slow"]
                include-paths = ["/srv/*"]
                exclude-paths = ["*.raw"]
                min-reclaim = "1.5G"
                min-days-since-shrink = 7
                min-hours-off = 24
                allow-rename = true
                replay-journals = true
                filler = "mount"
                keep-original = "3d"
                raw = "convert"
                keep-converted = "36h"
                """);
        assertEquals("qemu:///session", configuration.connect());
        assertEquals(Optional.of("root"), configuration.controlGroup());
        assertEquals(new Configuration.History(Path.of("/srv/history"), 30), configuration.history());
        assertEquals(
                new LimitSettings(
                        6,
                        3,
                        OptionalLong.of(200 << 20),
                        SpaceReserve.ofPercent(2.5),
                        OptionalDouble.of(1.5),
                        OptionalDouble.of(40)),
                configuration.limits());
        assertEquals(
                List.of(new ScheduleSettings(
                        "weeknights",
                        "0 30 1 ? * MON-FRI",
                        ZoneId.of("Europe/Berlin"),
                        Optional.of(LocalTime.of(5, 30)),
                        Duration.ofMinutes(20),
                        Misfire.SKIP,
                        10,
                        new Patterns(List.of("web-*", "db?"), List.of("web-9")),
                        new Patterns(List.of("*test*"), List.of("keep")),
                        new Patterns(List.of("default"), List.of("slow")),
                        new Patterns(List.of("/srv/*"), List.of("*.raw")),
                        new MinimumGain(3L << 29, 0),
                        7,
                        24,
                        true,
                        true,
                        true,
                        new OriginalsPolicy(
                                new KeepOriginal.For(Duration.ofDays(3)),
                                RawDisks.CONVERT,
                                new KeepOriginal.For(Duration.ofHours(36))))),
                configuration.schedules());
    }

    @Test
    void shippedFileSaysTheDefaults() throws Exception {
        Configuration minimal = read("[schedule.nightly]\ncron = '0 30 1 * * ?'\n");
        assertEquals(minimal, ConfigurationFile.read(SHIPPED, CHECKS));
    }

    @Test
    void shippedFileHasEveryKeyOnceAndItsCommentedExamplesAreValid() throws Exception {
        Matcher assigned = Pattern.compile("(?m)^(?:# )?([a-z-]+) = ").matcher(Files.readString(SHIPPED));
        List<String> keys = assigned.results().map(match -> match.group(1)).toList();
        assertEquals(new TreeSet<>(keys).size(), keys.size(), keys::toString);
        assertEquals(
                new TreeSet<>(List.of(
                        "connect",
                        "keep-original",
                        "raw",
                        "keep-converted",
                        "control-group",
                        "directory",
                        "keep-days",
                        "listen",
                        "textfile",
                        "disks",
                        "disks-per-device",
                        "io-rate",
                        "reserve",
                        "max-load",
                        "max-io-pressure",
                        "cron",
                        "time-zone",
                        "window-end",
                        "start-margin-minutes",
                        "misfire",
                        "after-stop-minutes",
                        "include-names",
                        "exclude-names",
                        "include-titles",
                        "exclude-titles",
                        "include-pools",
                        "exclude-pools",
                        "include-paths",
                        "exclude-paths",
                        "min-reclaim",
                        "min-days-since-shrink",
                        "min-hours-off",
                        "allow-rename",
                        "replay-journals",
                        "filler")),
                new TreeSet<>(keys));

        String examples = Files.readString(SHIPPED).replaceAll("(?m)^# ([a-z-]+ = )", "$1");
        assertEquals(
                Optional.of(LocalTime.of(5, 30)),
                read(examples).schedules().get(0).windowEnd());
    }

    @Test
    void keepsSeveralSchedulesInTheOrderOfTheirNames() throws Exception {
        Configuration configuration = read("[schedule.b]\ncron='0 0 1 * * ?'\n[schedule.a]\ncron='0 0 2 * * ?'\n");
        assertEquals(
                List.of("a", "b"),
                configuration.schedules().stream().map(ScheduleSettings::name).toList());
    }

    @Test
    void reportsAllProblemsAtOnceWithTheirLines() throws Exception {
        assertEquals(
                List.of(
                        "1 there is no key 'conect'; did you mean 'connect'?",
                        "3 keep-days is 0: it must be from 1 to 36500",
                        "4 there is no key 'history.keepdays'; did you mean 'keep-days'?",
                        "6 cron is '30 1 * * *': Quartz wants the seconds first, and a ? for the day that is not meant:"
                                + " '0 30 1 * * ?'",
                        "7 misfire is 'skp': it must be one of run, skip; did you mean 'skip'?",
                        "9 [schedule.other] has no cron, which it needs",
                        "10 there is no key 'colour'"),
                problems("""
                        conect = "qemu:///system"
                        [history]
                        keep-days = 0
                        keepdays = 3
                        [schedule.s]
                        cron = "30 1 * * *"
                        misfire = "skp"
                        [schedule.other]
                        allow-rename = true
                        [colour]
                        """));
    }

    @Test
    void reportsSyntaxErrorsWithTheirLines() throws Exception {
        List<String> found = problems("connect = \n[schedule.s]\ncron = 'x'\ncron = 'y'\n");
        assertTrue(found.get(0).startsWith("1 Unexpected end of line"), found::toString);
        assertTrue(found.get(found.size() - 1).startsWith("4 cron previously defined"), found::toString);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "window-end = '5:30'|window-end is '5:30': it must be a time of day such as 05:30",
                "window-end = '24:00'|window-end is '24:00': there is no such time of day",
                "window-end = 5|window-end must be a text in quotes",
                "start-margin-minutes = -1|start-margin-minutes is -1: it must be from 0 to 1440",
                "start-margin-minutes = 1.5|start-margin-minutes must be a whole number",
                "after-stop-minutes = '10'|after-stop-minutes must be a whole number",
                "after-stop-minutes = -5|after-stop-minutes is -5: it must be from 0 to 1440",
                "after-stop-minute = 10|there is no key 'schedule.s.after-stop-minute'; did you mean 'after-stop-minutes'?",
                "allow-rename = 'yes'|allow-rename must be true or false",
                "replay-journals = 1|replay-journals must be true or false",
                "filler = 'mounts'|filler is 'mounts': it must be one of auto, mount; did you mean 'mount'?",
                "filler = 'none'|filler is 'none': it must be one of auto, mount",
                "include-names = 'web'|include-names must be a list of texts, as in include-names = [\"web-*\"]",
                "include-names = ['a', 3]|include-names holds '3': each element must be a text in quotes, not empty",
                "include-names = ['']|include-names holds '': each element must be a text in quotes, not empty",
                "min-hours-off = 87601|min-hours-off is 87601: it must be from 0 to 87600",
                "min-reclaim = '64Q'|min-reclaim is '64Q': it must be a size such as 64M or 1.5G, or a percentage such as 5%",
                "min-reclaim = '101%'|min-reclaim is '101%': that is more than all",
                "min-reclaim = '9E'|min-reclaim is '9E': that is too large",
                "keep-original = 'ever'|keep-original is 'ever': it must be no, until-clean-stop, or a time such as 36h or 14d",
                "keep-converted = 'no'|keep-converted is 'no': the raw disk has to be kept for a while: until-clean-stop, or a"
                        + " time such as 14d",
                "raw = 'qcow2'|raw is 'qcow2': it must be keep or convert",
                "window-ends = '05:30'|there is no key 'schedule.s.window-ends'; did you mean 'window-end'?",
                "time-zone = 'europe/berlin'|time-zone is 'europe/berlin': it must be the name of a time zone such as"
                        + " Europe/Berlin or UTC; did you mean 'Europe/Berlin'?",
            })
    void refusesBadValuesByName(String line, String message) throws Exception {
        assertEquals(message, problemWith(line));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "disks = 0 | disks is 0: it must be from 1 to 64",
                "disks-per-device = 'one' | disks-per-device must be a whole number",
                "io-rate = '200K' | io-rate is '200K': it must be at least 1M",
                "io-rate = '5%' | io-rate is '5%': it must be a size such as 64M, 1.5G or 4096",
                "reserve = '120%' | reserve is '120%': that is more than all",
                "max-load = -1 | max-load is -1: it must be from 0 to 1000",
                "max-io-pressure = 'high' | max-io-pressure must be a number",
                "max-io-presure = 40 | there is no key 'limits.max-io-presure'; did you mean 'max-io-pressure'?"
            })
    void refusesBadLimits(String line, String message) throws IOException {
        assertEquals(
                List.of("2 " + message), problems("[limits]\n" + line + "\n[schedule.s]\ncron = '0 30 1 * * ?'\n"));
    }

    @Test
    void refusesWhatOthersKnowToBeWrong() throws Exception {
        assertEquals(
                List.of("1 connect is 'xen:///': it must begin with qemu"),
                problems("connect = 'xen:///'\n[schedule.s]\ncron = '0 30 1 * * ?'\n"));
        assertEquals(
                List.of("1 control-group is 'no such': there is no such group on this host"),
                problems("control-group = 'no such'\n[schedule.s]\ncron = '0 30 1 * * ?'\n"));
        assertTrue(problems("[schedule.s]\ncron = '0 0 25 * * ?'\n").get(0).contains("Hour values must be between"));
        assertTrue(problems("[schedule.s]\ncron = '0 0 1 31 2 ?'\n").get(0).contains("no such time"));
    }

    @Test
    void refusesAFileWithoutSchedulesAndNamesThatNeedQuoting() throws Exception {
        assertEquals(List.of("0 there is no [schedule.NAME]: the daemon would have nothing to do"), problems(""));
        assertEquals(
                List.of("1 'my nights': the name of a schedule must be 1 to 64 letters, digits, - and _"),
                problems("[schedule.'my nights']\ncron = '0 30 1 * * ?'\n"));
        assertEquals(List.of("1 schedule must be a table, as in [schedule]"), problems("schedule = 3\n"));
    }

    @Test
    void refusesFilesThatCannotBeRead() throws Exception {
        Path absent = directory.resolve("absent.toml");
        InvalidConfigurationException missing =
                assertThrows(InvalidConfigurationException.class, () -> ConfigurationFile.read(absent, CHECKS));
        assertEquals(absent + ": there is no such file", missing.getMessage());

        Files.write(directory.resolve("virt-shrinkd.toml"), "# é".getBytes(StandardCharsets.ISO_8859_1));
        Path latin = directory.resolve("virt-shrinkd.toml");
        assertTrue(assertThrows(InvalidConfigurationException.class, () -> ConfigurationFile.read(latin, CHECKS))
                .getMessage()
                .endsWith("it is not UTF-8 text"));
        assertEquals(
                List.of("0 it is larger than 1 MiB, which no configuration is"), problems("#".repeat((1 << 20) + 1)));
    }
}
