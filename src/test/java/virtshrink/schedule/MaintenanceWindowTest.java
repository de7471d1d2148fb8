package virtshrink.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MaintenanceWindowTest {
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

    private static MaintenanceWindow window(String due, String end) {
        return MaintenanceWindow.of(
                Instant.parse(due), BERLIN, Optional.of(LocalTime.parse(end)), Duration.ofMinutes(5));
    }

    private static void assertEnds(String expected, MaintenanceWindow window) {
        assertEquals(Optional.of(Instant.parse(expected)), window.end());
    }

    @Test
    void endsOnTheSameDayOrAcrossMidnight() {
        assertEnds("2026-01-10T04:30:00Z", window("2026-01-10T00:30:00Z", "05:30"));
        assertEnds("2026-01-10T04:30:00Z", window("2026-01-09T21:00:00Z", "05:30"));
        assertEnds("2026-01-09T23:00:00Z", window("2026-01-09T21:00:00Z", "00:00"));
    }

    @Test
    void anEndAtTheStartMeansAWholeDay() {
        assertEnds("2026-01-11T00:30:00Z", window("2026-01-10T00:30:00Z", "01:30"));
    }

    @Test
    void isShorterOrLongerWhenTheClocksChange() {
        // 22:00 to 05:30 local: 6.5 hours in the night to summer time, 8.5 in the night back.
        assertEnds("2026-03-29T03:30:00Z", window("2026-03-28T21:00:00Z", "05:30"));
        assertEnds("2026-10-25T04:30:00Z", window("2026-10-24T20:00:00Z", "05:30"));
    }

    @Test
    void endsLaterByTheGapWhereItsEndIsLeftOut() {
        assertEnds("2026-03-29T01:30:00Z", window("2026-03-28T21:00:00Z", "02:30"));
    }

    @Test
    void endsAtTheFirstOfTwoEqualTimesThatLiesAhead() {
        // 02:45 comes at 00:45Z and again at 01:45Z.
        assertEnds("2026-10-25T00:45:00Z", window("2026-10-24T20:00:00Z", "02:45"));
        assertEnds("2026-10-25T01:45:00Z", window("2026-10-25T01:30:00Z", "02:45"));
    }

    @Test
    void startsNothingNewShortlyBeforeItsEnd() {
        MaintenanceWindow window = window("2026-01-10T00:30:00Z", "05:30");
        assertTrue(window.mayStartAt(Instant.parse("2026-01-10T04:24:59Z")));
        assertFalse(window.mayStartAt(Instant.parse("2026-01-10T04:25:00Z")));
        assertFalse(window.mayStartAt(Instant.parse("2026-01-10T12:00:00Z")));
        assertEquals(Optional.of(Duration.ofMinutes(1)), window.leftAt(Instant.parse("2026-01-10T04:29:00Z")));
    }

    @Test
    void withoutAnEndIsNeverOver() {
        MaintenanceWindow open = MaintenanceWindow.of(Instant.EPOCH, BERLIN, Optional.empty(), Duration.ofMinutes(5));
        assertTrue(open.mayStartAt(Instant.parse("2026-01-10T04:24:59Z")));
        assertEquals(Optional.empty(), open.leftAt(Instant.EPOCH));
    }
}
