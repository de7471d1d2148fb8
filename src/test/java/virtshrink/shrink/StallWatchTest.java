package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class StallWatchTest {
    private final AtomicInteger acted = new AtomicInteger();

    @Test
    void whatStandsStillIsActedUponOnce() throws IOException {
        try (StallWatch watch = StallWatch.start(Duration.ofMillis(20), acted::incrementAndGet)) {
            Waiting.until("it has acted", () -> acted.get() > 0);
            assertTrue(watch.stalled());
        }
        assertEquals(1, acted.get());
    }

    @Test
    void whatGoesOnIsLeftAlone() throws IOException {
        long end = System.nanoTime() + Duration.ofMillis(100).toNanos();
        try (StallWatch watch = StallWatch.start(Duration.ofSeconds(30), acted::incrementAndGet)) {
            Waiting.until("some time has passed", () -> {
                watch.alive();
                return System.nanoTime() > end;
            });
            assertFalse(watch.stalled());
        }
        assertEquals(0, acted.get());
    }
}
