package virtshrink.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CronTimesTest {
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

    private static Optional<Instant> at(String instant) {
        return Optional.of(Instant.parse(instant));
    }

    @Test
    void meansLocalTimeInWinterAndSummer() {
        CronTimes nightly = new CronTimes("0 30 1 * * ?", BERLIN);
        assertEquals(at("2026-01-10T00:30:00Z"), nightly.after(Instant.parse("2026-01-09T12:00:00Z")));
        assertEquals(at("2026-07-09T23:30:00Z"), nightly.after(Instant.parse("2026-07-09T12:00:00Z")));
    }

    @Test
    void leavesOutALocalTimeThatSummerTimeLeavesOut() {
        CronTimes inTheGap = new CronTimes("0 30 2 * * ?", BERLIN);
        // The clocks went from 02:00 to 03:00 on 29 March 2026.
        assertEquals(at("2026-03-30T00:30:00Z"), inTheGap.after(Instant.parse("2026-03-28T12:00:00Z")));
        assertEquals(at("2026-03-28T01:30:00Z"), inTheGap.latestUntil(Instant.parse("2026-03-29T12:00:00Z")));
    }

    @Test
    void countsALocalTimeThatComesTwiceOnce() {
        CronTimes twice = new CronTimes("0 30 2 * * ?", BERLIN);
        // 02:30 came at 00:30Z and, with the clocks back at 03:00, again at 01:30Z on 25 October 2026.
        assertEquals(at("2026-10-25T01:30:00Z"), twice.after(Instant.parse("2026-10-24T12:00:00Z")));
        assertEquals(at("2026-10-26T01:30:00Z"), twice.after(Instant.parse("2026-10-25T01:30:00Z")));
    }

    @Test
    void findsTheLastTimeUntilAnInstant() {
        CronTimes weekly = new CronTimes("0 0 3 ? * SUN", ZoneId.of("UTC"));
        assertEquals(at("2026-11-15T03:00:00Z"), weekly.latestUntil(Instant.parse("2026-11-22T02:59:59Z")));
        assertEquals(at("2026-11-22T03:00:00Z"), weekly.latestUntil(Instant.parse("2026-11-22T03:00:00Z")));
        assertEquals(at("2026-11-22T03:00:00Z"), weekly.latestUntil(Instant.parse("2026-11-22T03:00:00.500Z")));
    }

    @Test
    void findsRareTimesAndNoneWhereThereWasNone() {
        CronTimes leapDay = new CronTimes("0 0 0 29 2 ?", ZoneId.of("UTC"));
        assertEquals(at("2024-02-29T00:00:00Z"), leapDay.latestUntil(Instant.parse("2026-11-22T00:00:00Z")));
        CronTimes once = new CronTimes("0 0 0 1 1 ? 2030", ZoneId.of("UTC"));
        assertEquals(Optional.empty(), once.latestUntil(Instant.parse("2026-11-22T00:00:00Z")));
        assertEquals(Optional.empty(), once.after(Instant.parse("2031-01-01T00:00:00Z")));
    }

    @Test
    void theLastTimeUntilIsAlwaysTheOneBeforeTheNext() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        String[] expressions = {"0 0/7 * * * ?", "13 5 2,14 * * ?", "0 30 1 ? * MON-FRI", "0 0 4 L * ?", "* * * * * ?"};
        for (int i = 0; i < 200; i++) {
            CronTimes times = new CronTimes(expressions[random.nextInt(expressions.length)], BERLIN);
            Instant now = Instant.ofEpochSecond(1_750_000_000L + random.nextInt(40_000_000));
            Instant last = times.latestUntil(now).orElseThrow();
            String what = "seed " + seed + ": " + times + " at " + now;
            assertTrue(!last.isAfter(now), what);
            assertTrue(times.after(last).orElseThrow().isAfter(now), what);
            assertEquals(last, times.after(last.minusSeconds(1)).orElseThrow(), what);
        }
    }

    @Test
    void saysWhatIsWrongAndWhatWouldBeRight() {
        assertEquals(Optional.empty(), CronTimes.problemWith("0 30 1 ? * MON-FRI"));
        assertTrue(CronTimes.problemWith("30 1 * * *").orElseThrow().contains("'0 30 1 * * ?'"));
        assertTrue(CronTimes.problemWith("0 0 1 ? * MON-FRY").orElseThrow().contains("'FRY'"));
        assertTrue(CronTimes.problemWith("").isPresent());
        assertTrue(CronTimes.problemWith("0 0 0 1 1 ? 2020").orElseThrow().contains("no such time"));
    }
}
