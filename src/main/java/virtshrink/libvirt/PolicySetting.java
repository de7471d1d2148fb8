package virtshrink.libvirt;

import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.RawDisks;

/** One thing that a {@link DomainPolicy} may state: its key is the attribute in the metadata, and the option of the command line. */
public enum PolicySetting {
    DISABLED("disabled"),
    EXCLUDE_DISKS("exclude-disks"),
    MIN_RECLAIM("min-reclaim"),
    MIN_DAYS_SINCE_SHRINK("min-days-since-shrink"),
    MIN_HOURS_OFF("min-hours-off"),
    KEEP_ORIGINAL("keep-original"),
    RAW("raw");

    /** Longer texts are not worth reading, nor showing. */
    private static final int MOST_CHARACTERS = 256;

    private static final int MOST_SHOWN = 40;
    private static final long MOST_DAYS = 3650;

    private final String key;

    PolicySetting(String key) {
        this.key = key;
    }

    /** Its name in the metadata and, after two dashes, on the command line. */
    public String key() {
        return key;
    }

    /** The setting of that key. */
    public static Optional<PolicySetting> ofKey(String key) {
        return Arrays.stream(values())
                .filter(setting -> setting.key.equals(key))
                .findFirst();
    }

    /** How the policy states it; empty if it does not. */
    public Optional<String> textIn(DomainPolicy policy) {
        return switch (this) {
            case DISABLED -> policy.disabled() ? Optional.of("yes") : Optional.empty();
            case EXCLUDE_DISKS ->
                Optional.of(String.join(",", policy.excludedDisks())).filter(text -> !text.isEmpty());
            case MIN_RECLAIM -> policy.minimumGain().map(MinimumGain::text);
            case MIN_DAYS_SINCE_SHRINK -> policy.minimumSinceShrink().map(time -> Long.toString(time.toDays()));
            case MIN_HOURS_OFF -> policy.minimumOff().map(time -> Long.toString(time.toHours()));
            case KEEP_ORIGINAL -> policy.keepOriginal().map(KeepOriginal::text);
            case RAW -> policy.raw().map(RawDisks::text);
        };
    }

    static DomainPolicy read(Map<String, String> settings) throws InvalidPolicyException {
        for (String key : settings.keySet()) {
            if (ofKey(key).isEmpty()) {
                throw new InvalidPolicyException("there is no setting '" + shown(key) + "', only "
                        + Arrays.stream(values()).map(PolicySetting::key).collect(Collectors.joining(", ")));
            }
        }
        return new DomainPolicy(
                DISABLED.value(settings, PolicySetting::flag).orElse(false),
                EXCLUDE_DISKS.value(settings, PolicySetting::targets).orElse(List.of()),
                MIN_RECLAIM.value(settings, MinimumGain::parse),
                MIN_DAYS_SINCE_SHRINK
                        .value(settings, days -> number(days, MOST_DAYS))
                        .map(Duration::ofDays),
                MIN_HOURS_OFF
                        .value(settings, hours -> number(hours, MOST_DAYS * 24))
                        .map(Duration::ofHours),
                KEEP_ORIGINAL.value(settings, KeepOriginal::parse),
                RAW.value(settings, RawDisks::parse));
    }

    private <T> Optional<T> value(Map<String, String> settings, Function<String, T> parser)
            throws InvalidPolicyException {
        String given = settings.get(key);
        if (given == null) {
            return Optional.empty();
        }
        try {
            if (given.length() > MOST_CHARACTERS) {
                throw new IllegalArgumentException("it is too long");
            }
            return Optional.of(parser.apply(given));
        } catch (IllegalArgumentException e) {
            throw new InvalidPolicyException(key + " is '" + shown(given) + "': " + e.getMessage());
        }
    }

    /** The text came from somebody else's XML and goes into logs. */
    static String shown(String text) {
        String start = text.length() > MOST_SHOWN ? text.substring(0, MOST_SHOWN) + "..." : text;
        return start.replaceAll("[^\\x20-\\x7e]", "?");
    }

    private static boolean flag(String text) {
        return switch (text) {
            case "yes" -> true;
            case "no" -> false;
            default -> throw new IllegalArgumentException("it must be yes or no");
        };
    }

    private static long number(String text, long most) {
        if (!text.matches("[0-9]{1,9}") || Long.parseLong(text) > most) {
            throw new IllegalArgumentException("it must be a whole number from 0 to " + most);
        }
        return Long.parseLong(text);
    }

    private static List<String> targets(String text) {
        Set<String> targets = new LinkedHashSet<>();
        for (String target : text.split(",", -1)) {
            if (!target.matches("[A-Za-z0-9_-]{1,32}") || !targets.add(target)) {
                throw new IllegalArgumentException("it must be names of disks such as vda,vdb, each once");
            }
        }
        return List.copyOf(targets);
    }
}
