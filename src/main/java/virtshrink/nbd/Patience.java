package virtshrink.nbd;

import java.time.Duration;

/** How long a wait for the server may still last, and what its end means. Asked from the thread that waits. */
interface Patience {
    /** Nanoseconds left; 0 or less: none. */
    long nanosLeft();

    /** What to throw when none is left; the text says what was waited for. */
    String exhausted();

    /** Until a fixed moment. */
    static Patience of(Duration timeout, String waitingFor) {
        long deadline = System.nanoTime() + timeout.toNanos();
        return new Patience() {
            @Override
            public long nanosLeft() {
                return deadline - System.nanoTime();
            }

            @Override
            public String exhausted() {
                return waitingFor + " within " + timeout.toMillis() + " ms";
            }
        };
    }
}
