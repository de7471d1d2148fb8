package virtshrink.config;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import virtshrink.config.ScheduleSettings.Misfire;
import virtshrink.config.ScheduleSettings.Patterns;
import virtshrink.config.Section.BadValueException;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.RawDisks;

/** Reads one {@code [schedule.NAME]}. */
final class ScheduleReader {
    static final int STANDARD_START_MARGIN_MINUTES = 5;
    static final MinimumGain STANDARD_MINIMUM_GAIN = new MinimumGain(64 << 20, 0);

    private static final int MOST_MINUTES = 24 * 60;
    private static final int MOST_DAYS = 3650;

    private final Section section;
    private final Function<String, Optional<String>> cronCheck;

    ScheduleReader(Section section, Function<String, Optional<String>> cronCheck) {
        this.section = section;
        this.cronCheck = cronCheck;
    }

    /** A schedule that only counts if nothing was complained about. */
    ScheduleSettings read() {
        ScheduleSettings settings = new ScheduleSettings(
                section.lastName(),
                section.required("cron", this::cron).orElse(""),
                section.text("time-zone", ScheduleReader::zone).orElseGet(ZoneId::systemDefault),
                section.text("window-end", ScheduleReader::timeOfDay),
                Duration.ofMinutes(
                        section.integer("start-margin-minutes", STANDARD_START_MARGIN_MINUTES, 0, MOST_MINUTES)),
                section.text("misfire", ScheduleReader::misfire).orElse(Misfire.RUN),
                section.integer("after-stop-minutes", 0, 0, MOST_MINUTES),
                patterns("names"),
                patterns("titles"),
                patterns("pools"),
                patterns("paths"),
                section.text("min-reclaim", Amounts::minimumGain).orElse(STANDARD_MINIMUM_GAIN),
                section.integer("min-days-since-shrink", 0, 0, MOST_DAYS),
                section.integer("min-hours-off", 0, 0, MOST_DAYS * 24),
                section.flag("allow-rename", false),
                section.flag("replay-journals", false),
                section.text("filler", ScheduleReader::mounts).orElse(false),
                originals());
        section.refuseUnknownKeys();
        return settings;
    }

    private OriginalsPolicy originals() {
        OriginalsPolicy standard = OriginalsPolicy.STANDARD;
        return new OriginalsPolicy(
                section.text("keep-original", text -> value(text, KeepOriginal::parse))
                        .orElse(standard.keepOriginal()),
                section.text("raw", text -> value(text, RawDisks::parse)).orElse(standard.raw()),
                section.text("keep-converted", ScheduleReader::keepConverted).orElse(standard.keepConverted()));
    }

    private static KeepOriginal keepConverted(String text) throws BadValueException {
        KeepOriginal keep = value(text, KeepOriginal::parse);
        if (keep instanceof KeepOriginal.No) {
            throw new BadValueException(
                    "the raw disk has to be kept for a while: until-clean-stop, or a time such as 14d");
        }
        return keep;
    }

    private static <T> T value(String text, Function<String, T> parser) throws BadValueException {
        try {
            return parser.apply(text);
        } catch (IllegalArgumentException e) {
            throw new BadValueException(String.valueOf(e.getMessage()));
        }
    }

    private Patterns patterns(String what) {
        return new Patterns(section.texts("include-" + what), section.texts("exclude-" + what));
    }

    private String cron(String text) throws BadValueException {
        Optional<String> problem = cronCheck.apply(text);
        if (problem.isPresent()) {
            throw new BadValueException(problem.get());
        }
        return text;
    }

    private static ZoneId zone(String text) throws BadValueException {
        if (!ZoneId.getAvailableZoneIds().contains(text)) {
            throw new BadValueException("it must be the name of a time zone such as Europe/Berlin or UTC"
                    + Suggestion.phraseIgnoringCase(text, ZoneId.getAvailableZoneIds()));
        }
        return ZoneId.of(text);
    }

    private static LocalTime timeOfDay(String text) throws BadValueException {
        try {
            if (text.matches("\\d\\d:\\d\\d")) {
                return LocalTime.parse(text);
            }
        } catch (DateTimeException e) {
            throw new BadValueException("there is no such time of day");
        }
        throw new BadValueException("it must be a time of day such as 05:30");
    }

    private static Misfire misfire(String text) throws BadValueException {
        List<String> names = Arrays.stream(Misfire.values())
                .map(value -> value.name().toLowerCase(Locale.ROOT))
                .toList();
        return Misfire.valueOf(oneOf(names, text).toUpperCase(Locale.ROOT));
    }

    /** Whether free space is also found by mounting. */
    private static boolean mounts(String text) throws BadValueException {
        return oneOf(List.of("auto", "mount"), text).equals("mount");
    }

    private static String oneOf(List<String> names, String text) throws BadValueException {
        if (!names.contains(text)) {
            throw new BadValueException(
                    "it must be one of " + String.join(", ", names) + Suggestion.phrase(text, names));
        }
        return text;
    }
}
