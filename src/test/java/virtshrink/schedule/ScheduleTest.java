package virtshrink.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;

class ScheduleTest {
    private static final Instant LAST = Instant.parse("2026-11-20T01:30:00Z");
    private static final Instant MISSED = Instant.parse("2026-11-21T01:30:00Z");

    private static Schedule nightly(String windowEnd, boolean makesUp) {
        return new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                windowEnd.isEmpty() ? Optional.empty() : Optional.of(LocalTime.parse(windowEnd)),
                Duration.ofMinutes(5),
                makesUp,
                Optional.empty(),
                Selection.ALL,
                MinimumGain.ANY,
                Duration.ZERO,
                Duration.ZERO,
                false,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    private static Optional<Instant> missed(Schedule schedule, String now) {
        return schedule.missedNight(LAST, Instant.parse(now));
    }

    @Test
    void makesUpForTheLastMissedNightWithinItsWindow() {
        assertEquals(Optional.of(MISSED), missed(nightly("05:30", true), "2026-11-21T04:00:00Z"));
        assertEquals(Optional.of(MISSED), missed(nightly("", true), "2026-11-21T23:00:00Z"));
        assertEquals(
                Optional.of(Instant.parse("2026-11-25T01:30:00Z")), missed(nightly("", true), "2026-11-25T12:00:00Z"));
    }

    @Test
    void leavesANightWhoseWindowIsOver() {
        assertEquals(Optional.empty(), missed(nightly("05:30", true), "2026-11-21T05:26:00Z"));
        assertEquals(Optional.empty(), missed(nightly("05:30", true), "2026-11-21T12:00:00Z"));
    }

    @Test
    void hasMissedNothingThatDidBegin() {
        assertEquals(Optional.empty(), missed(nightly("", true), "2026-11-20T23:00:00Z"));
    }

    @Test
    void makesUpForNothingWhereItIsToSkip() {
        assertEquals(Optional.empty(), missed(nightly("", false), "2026-11-21T04:00:00Z"));
    }
}
