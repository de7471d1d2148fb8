package virtshrink.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The time in which one night's work may be done: from the instant it was due to its end. Immutable.
 *
 * @param due when the night was meant to begin
 * @param end none means that it is never over
 * @param startMargin nothing new is started so shortly before the end
 */
public record MaintenanceWindow(Instant due, Optional<Instant> end, Duration startMargin) {
    /**
     * The window of one night.
     *
     * @param endOfDay the local time of its end: the first one after {@code due}. One that a change to summer time leaves out is taken as
     *     {@link ZonedDateTime} does, later by the length of the gap; of one that comes twice, the first that lies after {@code due} counts.
     */
    static MaintenanceWindow of(Instant due, ZoneId zone, Optional<LocalTime> endOfDay, Duration startMargin) {
        return new MaintenanceWindow(due, endOfDay.map(time -> end(due, zone, time)), startMargin);
    }

    private static Instant end(Instant due, ZoneId zone, LocalTime time) {
        LocalDateTime sameDay = due.atZone(zone).toLocalDate().atTime(time);
        return Stream.of(sameDay, sameDay.plusDays(1))
                .map(local -> local.atZone(zone))
                .flatMap(end -> Stream.of(end.withEarlierOffsetAtOverlap(), end.withLaterOffsetAtOverlap()))
                .map(ZonedDateTime::toInstant)
                .filter(end -> end.isAfter(due))
                .findFirst()
                .orElseThrow();
    }

    /** Whether something new may be started. */
    public boolean mayStartAt(Instant now) {
        return end.map(instant -> now.isBefore(instant.minus(startMargin))).orElse(true);
    }

    /** How long there is until the end; zero or less if it has passed. */
    public Optional<Duration> leftAt(Instant now) {
        return end.map(instant -> Duration.between(now, instant));
    }
}
