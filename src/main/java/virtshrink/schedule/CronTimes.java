package virtshrink.schedule;

import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.Date;
import java.util.Optional;
import java.util.TimeZone;
import org.quartz.CronExpression;

/**
 * The instants that a cron expression means in a time zone. Quartz decides: a local time that a change to summer time leaves out is left out
 * here too, and one that comes twice when summer time ends counts once, the second time. Immutable.
 */
public final class CronTimes {
    /** Quartz itself looks no further than a hundred years ahead; a schedule rarer than this has no past that matters. */
    private static final Duration FURTHEST_BACK = Duration.ofDays(366 * 8);

    private final CronExpression expression;

    /**
     * @param cron accepted by {@link #problemWith}
     * @throws IllegalArgumentException if it is not
     */
    public CronTimes(String cron, ZoneId zone) {
        try {
            expression = new CronExpression(cron);
        } catch (ParseException e) {
            throw new IllegalArgumentException("not a cron expression: " + cron, e);
        }
        expression.setTimeZone(TimeZone.getTimeZone(zone));
    }

    /** What is wrong with a cron expression, for its author; empty if it is fine. */
    public static Optional<String> problemWith(String cron) {
        String[] fields = cron.strip().split("\\s+", -1);
        if (fields.length == 5) {
            return Optional.of("Quartz wants the seconds first, and a ? for the day that is not meant: '0 "
                    + String.join(
                            " ", fields[0], fields[1], fields[2], fields[3], fields[4].equals("*") ? "?" : fields[4])
                    + "'");
        }
        try {
            CronTimes times = new CronTimes(cron, ZoneId.of("UTC"));
            return times.after(Instant.now()).isPresent()
                    ? Optional.empty()
                    : Optional.of("there is no such time any more, or never was");
        } catch (IllegalArgumentException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            return Optional.of("not a Quartz cron expression (seconds minutes hours day month weekday [year]): "
                    + cause.getMessage());
        }
    }

    /** The first time after that instant. */
    public Optional<Instant> after(Instant instant) {
        return Optional.ofNullable(expression.getNextValidTimeAfter(Date.from(instant)))
                .map(Date::toInstant);
    }

    /** The last time that is not after that instant; empty if there was none in the eight years before it. */
    public Optional<Instant> latestUntil(Instant instant) {
        Duration back = Duration.ofMinutes(1);
        while (back.compareTo(FURTHEST_BACK) < 0 && !isOneBetween(instant.minus(back), instant)) {
            back = back.multipliedBy(2);
        }
        Instant early = instant.minus(back).truncatedTo(ChronoUnit.SECONDS);
        if (!isOneBetween(early, instant)) {
            return Optional.empty();
        }
        // Cron times are whole seconds. One lies in (early, instant]; halve until early is the second before the last
        // one.
        long low = early.getEpochSecond();
        long high = instant.getEpochSecond();
        while (high - low > 1) {
            long middle = low + (high - low) / 2;
            if (isOneBetween(Instant.ofEpochSecond(middle), instant)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return after(Instant.ofEpochSecond(low));
    }

    private boolean isOneBetween(Instant after, Instant until) {
        return after(after).filter(next -> !next.isAfter(until)).isPresent();
    }

    @Override
    public String toString() {
        return expression.getCronExpression() + " " + expression.getTimeZone().getID();
    }
}
