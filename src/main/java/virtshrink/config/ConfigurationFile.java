package virtshrink.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.tomlj.Toml;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;
import org.tomlj.TomlVersion;
import virtshrink.config.Section.BadValueException;

/** Reads the configuration: TOML 1.0 in UTF-8. Whatever is wrong with it is found in one go. */
public final class ConfigurationFile {
    private static final int MOST_BYTES = 1 << 20;
    private static final int STANDARD_KEEP_DAYS = 365;
    private static final int MOST_KEEP_DAYS = 36_500;
    private static final String STANDARD_CONNECT = "qemu:///system";

    private final Path file;
    private final SyntaxChecks checks;
    private final List<ConfigurationProblem> problems = new ArrayList<>();

    private ConfigurationFile(Path file, SyntaxChecks checks) {
        this.file = file;
        this.checks = checks;
    }

    /**
     * The configuration in a file.
     *
     * @throws InvalidConfigurationException if the file cannot be read or anything in it cannot be accepted
     */
    public static Configuration read(Path file, SyntaxChecks checks) throws InvalidConfigurationException {
        return new ConfigurationFile(file, checks).read();
    }

    private Configuration read() throws InvalidConfigurationException {
        Optional<String> text = content();
        if (text.isPresent()) {
            TomlParseResult parsed = Toml.parse(text.get(), TomlVersion.V1_0_0);
            parsed.errors()
                    .forEach(error ->
                            complain(Optional.ofNullable(error.position()), String.valueOf(error.getMessage())));
            if (problems.isEmpty()) {
                Configuration configuration = configuration(new Section("", parsed, this::complain));
                if (problems.isEmpty()) {
                    return configuration;
                }
            }
        }
        problems.sort(
                Comparator.comparingInt(ConfigurationProblem::line).thenComparingInt(ConfigurationProblem::column));
        throw new InvalidConfigurationException(problems);
    }

    private Configuration configuration(Section root) {
        String connect = root.text("connect", this::connect).orElse(STANDARD_CONNECT);
        Optional<String> controlGroup = root.text("control-group", ConfigurationFile::group);
        Configuration.History history = root.section("history")
                .map(this::history)
                .orElseGet(
                        () -> new Configuration.History(Configuration.History.STANDARD_DIRECTORY, STANDARD_KEEP_DAYS));
        MetricsSettings metrics = root.section("metrics")
                .map(section -> new MetricsReader(section).read())
                .orElse(MetricsSettings.NONE);
        LimitSettings limits = root.section("limits").map(LimitsReader::read).orElse(LimitSettings.STANDARD);
        List<ScheduleSettings> schedules = root
                .section("schedule")
                .map(section -> section.namedSections(ConfigurationFile::objectionToName))
                .orElse(List.of())
                .stream()
                .map(section -> new ScheduleReader(section, checks.cron()).read())
                .toList();
        root.refuseUnknownKeys();
        if (schedules.isEmpty() && problems.isEmpty()) {
            complain(Optional.empty(), "there is no [schedule.NAME]: the daemon would have nothing to do");
        }
        return new Configuration(connect, controlGroup, history, metrics, limits, schedules);
    }

    private Configuration.History history(Section section) {
        Configuration.History history = new Configuration.History(
                section.text("directory", ConfigurationFile::absolute).orElse(Configuration.History.STANDARD_DIRECTORY),
                section.integer("keep-days", STANDARD_KEEP_DAYS, 1, MOST_KEEP_DAYS));
        section.refuseUnknownKeys();
        return history;
    }

    /** Names appear in logs and in the history, where they must not need quoting. */
    private static Optional<String> objectionToName(String name) {
        return name.matches("[A-Za-z0-9_-]{1,64}")
                ? Optional.empty()
                : Optional.of("the name of a schedule must be 1 to 64 letters, digits, - and _");
    }

    private String connect(String text) throws BadValueException {
        Optional<String> problem = checks.connect().apply(text);
        if (problem.isPresent()) {
            throw new BadValueException(problem.get());
        }
        return text;
    }

    private static String group(String text) throws BadValueException {
        try {
            FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByGroupName(text);
            return text;
        } catch (IOException unknown) {
            throw new BadValueException("there is no such group on this host");
        }
    }

    static Path absolute(String text) throws BadValueException {
        if (!text.startsWith("/") || text.indexOf('\0') >= 0) {
            throw new BadValueException("it must be an absolute path");
        }
        return Path.of(text);
    }

    private Optional<String> content() {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MOST_BYTES + 1);
            if (bytes.length > MOST_BYTES) {
                complain(Optional.empty(), "it is larger than 1 MiB, which no configuration is");
                return Optional.empty();
            }
            return Optional.of(StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString());
        } catch (NoSuchFileException e) {
            complain(Optional.empty(), "there is no such file");
        } catch (AccessDeniedException e) {
            complain(Optional.empty(), "this user may not read it");
        } catch (CharacterCodingException e) {
            complain(Optional.empty(), "it is not UTF-8 text");
        } catch (IOException e) {
            complain(Optional.empty(), "it cannot be read: " + e.getMessage());
        }
        return Optional.empty();
    }

    private void complain(Optional<TomlPosition> position, String message) {
        problems.add(new ConfigurationProblem(
                file,
                position.map(TomlPosition::line).orElse(0),
                position.map(TomlPosition::column).orElse(0),
                message));
    }
}
