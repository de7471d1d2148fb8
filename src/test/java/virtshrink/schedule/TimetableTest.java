package virtshrink.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;

/** Quartz and the real clock; everything that can be computed is tested elsewhere. */
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class TimetableTest {
    private static final String NEVER = "0 0 0 1 1 ? 2090";

    private static Schedule schedule(String name, String cron) {
        return new Schedule(
                name,
                cron,
                ZoneId.of("UTC"),
                Optional.empty(),
                Duration.ZERO,
                true,
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

    @Test
    void callsWhenAScheduleIsDueWithTheTimeThatWasMeant() throws Exception {
        BlockingQueue<Instant> calls = new ArrayBlockingQueue<>(10);
        try (Timetable timetable = new Timetable((schedule, due) -> calls.offer(due))) {
            timetable.replace(List.of(schedule("often", "* * * * * ?")));
            timetable.start();
            Instant first = calls.take();
            assertEquals(first.truncatedTo(ChronoUnit.SECONDS), first);
            assertTrue(Duration.between(first, Instant.now()).toSeconds() < 5, first::toString);
        }
    }

    @Test
    void callsOneAtATime() throws Exception {
        CountDownLatch bothCalled = new CountDownLatch(2);
        AtomicInteger atWork = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch secondIsWaiting = new CountDownLatch(1);
        try (Timetable timetable = new Timetable((schedule, due) -> {
            most.accumulateAndGet(atWork.incrementAndGet(), Math::max);
            try {
                secondIsWaiting.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            atWork.decrementAndGet();
            bothCalled.countDown();
        })) {
            Schedule one = schedule("one", NEVER);
            Schedule other = schedule("other", NEVER);
            timetable.replace(List.of(one, other));
            timetable.start();
            timetable.callNow(one, Instant.EPOCH);
            timetable.callNow(other, Instant.EPOCH);
            assertFalse(bothCalled.await(300, TimeUnit.MILLISECONDS));
            secondIsWaiting.countDown();
            bothCalled.await();
        }
        assertEquals(1, most.get());
    }

    @Test
    void goesOnAfterAFaultInTheWork() throws Exception {
        BlockingQueue<Instant> calls = new ArrayBlockingQueue<>(10);
        try (Timetable timetable = new Timetable((schedule, due) -> {
            if (due.equals(Instant.EPOCH)) {
                throw new IllegalStateException("a fault, provoked");
            }
            calls.add(due);
        })) {
            Schedule schedule = schedule("s", NEVER);
            timetable.replace(List.of(schedule));
            timetable.start();
            timetable.callNow(schedule, Instant.EPOCH);
            timetable.callNow(schedule, Instant.EPOCH.plusSeconds(60));
            assertEquals(Instant.EPOCH.plusSeconds(60), calls.take());
        }
    }

    @Test
    void knowsTheNextTimesOfWhatItWasGivenLast() {
        try (Timetable timetable = new Timetable((schedule, due) -> {})) {
            timetable.replace(List.of(schedule("a", NEVER), schedule("b", NEVER)));
            timetable.replace(List.of(schedule("b", NEVER)));
            assertEquals(Map.of("b", Instant.parse("2090-01-01T00:00:00Z")), timetable.nextTimes());
        }
    }
}
