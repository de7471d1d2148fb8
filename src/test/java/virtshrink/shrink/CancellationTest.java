package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import virtshrink.shrink.Cancellation.RunCancelledException;

class CancellationTest {
    private final Cancellation cancellation = new Cancellation();
    private final AtomicInteger killed = new AtomicInteger();

    @Test
    void runsEveryActionOnceAndAtOnce() {
        cancellation.onCancel(killed::incrementAndGet);
        assertTrue(cancellation.cancel("a guest starts"));
        assertFalse(cancellation.cancel("again"));
        assertEquals(1, killed.get());
        assertEquals(Optional.of("a guest starts"), cancellation.reason());
    }

    @Test
    void actionsThatComeTooLateRunAtOnce() {
        cancellation.cancel("a guest starts");
        cancellation.onCancel(killed::incrementAndGet);
        assertEquals(1, killed.get());
    }

    @Test
    void withdrawnActionsDoNotRun() {
        cancellation.onCancel(killed::incrementAndGet).close();
        cancellation.cancel("a guest starts");
        assertEquals(0, killed.get());
    }

    @Test
    void checkpointsEndACancelledRunWithTheReason() throws RunCancelledException {
        cancellation.checkpoint();
        cancellation.cancel("a guest starts");
        RunCancelledException ended = assertThrows(RunCancelledException.class, cancellation::checkpoint);
        assertEquals("a guest starts", ended.getMessage());
    }

    @Test
    void nothingIsCancelledBehindThePointOfNoReturn() throws RunCancelledException {
        cancellation.onCancel(killed::incrementAndGet);
        cancellation.passPointOfNoReturn();
        assertFalse(cancellation.cancel("too late"));
        assertEquals(0, killed.get());
        cancellation.checkpoint();
    }

    @Test
    void exactlyOneOfCancellationAndPointOfNoReturnWins() throws InterruptedException {
        for (int round = 0; round < 500; round++) {
            Cancellation race = new Cancellation();
            CountDownLatch start = new CountDownLatch(1);
            AtomicBoolean passed = new AtomicBoolean();
            Thread run = new Thread(() -> {
                try {
                    start.await();
                    race.passPointOfNoReturn();
                    passed.set(true);
                } catch (RunCancelledException | InterruptedException lost) {
                    passed.set(false);
                }
            });
            run.start();
            start.countDown();
            boolean cancelled = race.cancel("a guest starts");
            run.join();
            assertEquals(!cancelled, passed.get());
        }
    }
}
