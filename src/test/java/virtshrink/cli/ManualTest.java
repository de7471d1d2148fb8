package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import virtshrink.block.ExternalTool;

/** The manual pages and the completion know every command and every option, and no other. */
class ManualTest {
    private static final Path PACKAGING = Path.of("packaging");
    private static final List<String> COMMON = List.of("--connect", "--help", "--version");

    private static Map<String, CommandLine> commands() {
        return new TreeMap<>(
                Program.commands(new Session(new FakeCollaborators(), new TestScreen(false), new StopSignal(), () -> 0))
                        .getSubcommands());
    }

    /** Without the hidden ones. */
    private static List<OptionSpec> options(CommandLine command) {
        return command.getCommandSpec().options().stream()
                .filter(option -> !option.hidden())
                .toList();
    }

    /** The sections of a page, by their headings' first word, without the roff of it. */
    private static Map<String, String> sections(Path page) throws IOException {
        Map<String, String> sections = new TreeMap<>();
        String name = "";
        for (String line : Files.readAllLines(page)) {
            Matcher heading = Pattern.compile("\\.S[HS] (\\S+).*").matcher(line);
            if (heading.matches()) {
                name = heading.group(1);
            }
            String plain = line.replace("\\-", "-").replaceAll("[ \"]+([,=])", "$1");
            sections.merge(name, plain + "\n", String::concat);
        }
        return sections;
    }

    @Test
    void theManualHasASectionForEachCommandWithAllItsOptions() throws IOException {
        Map<String, String> sections = sections(PACKAGING.resolve("man/virt-shrink.1"));
        List<String> missing = new ArrayList<>();
        commands().forEach((name, command) -> {
            String section = sections.getOrDefault(name, "");
            if (section.isEmpty()) {
                missing.add(name);
            }
            for (OptionSpec option : options(command)) {
                // What is the same for all stands in one place; "domain" says that it takes what "image" does.
                String where = COMMON.contains(option.longestName())
                                || List.of("--json", "--quiet").contains(option.longestName())
                        ? sections.getOrDefault("COMMON", "")
                        : section;
                if (!where.contains(option.longestName())) {
                    missing.add(name + " " + option.longestName());
                }
            }
        });
        assertEquals(List.of(), missing);
    }

    @Test
    void theManualNamesNoOptionThatIsNotThere() throws IOException {
        TreeSet<String> known = commands().values().stream()
                .flatMap(command -> options(command).stream())
                .flatMap(option -> Stream.of(option.names()))
                .collect(Collectors.toCollection(TreeSet::new));
        TreeSet<String> named = new TreeSet<>();
        Matcher option = Pattern.compile("--[a-z][a-z-]*")
                .matcher(
                        Files.readString(PACKAGING.resolve("man/virt-shrink.1")).replace("\\-", "-"));
        while (option.find()) {
            named.add(option.group());
        }
        named.removeAll(known);
        assertEquals(new TreeSet<>(), named);
    }

    @Test
    void theManualOfTheDaemonHasAllItsOptions() throws IOException {
        String page = Files.readString(PACKAGING.resolve("man/virt-shrinkd.8")).replace("\\-", "-");
        for (String option : List.of("--config", "--check-config", "--help", "--version")) {
            assertTrue(page.contains(option), option);
        }
    }

    @Test
    void theManualOfTheConfigurationHasEveryKeyOfTheFile() throws IOException {
        ExternalTool.assume("awk", "mawk");
        String page = ExternalTool.run(
                PACKAGING.resolve("man/toml-to-man").toAbsolutePath().toString(), "config/virt-shrinkd.toml");
        Matcher key = Pattern.compile("(?m)^(?:# )?([a-z-]+) = ")
                .matcher(Files.readString(Path.of("config/virt-shrinkd.toml")));
        int keys = 0;
        while (key.find()) {
            keys++;
            assertTrue(page.contains("\n.TP\n.B " + key.group(1).replace("-", "\\-") + "\n"), key.group(1));
        }
        assertTrue(keys > 25, "keys: " + keys);
    }

    @Test
    void theCompletionOffersTheOptionsOfEachCommand() throws IOException {
        ExternalTool.assume("bash", "bash");
        Map<String, List<String>> offered = new TreeMap<>();
        Map<String, List<String>> expected = new TreeMap<>();
        commands().forEach((name, command) -> {
            offered.put(name, completion(name));
            expected.put(
                    name,
                    options(command).stream()
                            .filter(option -> option.longestName().startsWith("--"))
                            .map(option ->
                                    option.longestName() + (option.arity().max() > 0 ? "=" : ""))
                            .sorted()
                            .toList());
        });
        // picocli's own command has but one, and no letter for it.
        expected.put("help", List.of("--help"));
        assertEquals(expected, offered);
    }

    @Test
    void theCompletionOffersEveryCommand() throws IOException {
        String script = Files.readString(PACKAGING.resolve("bash-completion/virt-shrink"));
        Matcher words = Pattern.compile("'' \\| help\\) COMPREPLY=\\(\\$\\(compgen -W '([^']*)'")
                .matcher(script);
        assertTrue(words.find(), "the commands are not where this test looks for them");
        assertEquals(commands().keySet(), new TreeSet<>(List.of(words.group(1).split(" "))));
    }

    private static List<String> completion(String command) {
        try {
            String words = ExternalTool.run(
                    "bash",
                    "-c",
                    "complete() { :; }; . \"$1\"; _virt_shrink_options \"$2\"",
                    "bash",
                    PACKAGING.resolve("bash-completion/virt-shrink").toString(),
                    command);
            return Stream.of(words.trim().split("\\s+")).sorted().toList();
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }
}
