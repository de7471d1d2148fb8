package virtshrink.originals;

import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunOwner;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.RedefinitionRefusedException;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/**
 * The one call that changes a domain's definition, against a guest that starts in the same moment.
 *
 * <p>While the hook of a starting domain runs, libvirt answers no call about it. So the call is made in a thread of its own. If the guest asks
 * for its disk before the call is made, the call is not made. If it asks while the call is under way, an answer within moments says that the
 * call came first, and the guest starts on the new file; none says that the guest came first: it has the old file, the new one is taken away
 * under the name that the definition is going to have, and whoever waits here makes the definition the old one again when libvirt answers at
 * last. A libvirt that does not answer in time is treated the same way.
 *
 * <p>Used once. Thread-safe.
 */
final class Redefinition implements RunOwner {
    /** An answer on its way arrives within milliseconds; the hook waits two seconds in all. */
    private static final Duration ANSWER_ON_ITS_WAY = Duration.ofMillis(500);

    private static final Duration DEADLINE = Duration.ofSeconds(10);
    /** How long libvirt may need to let a call through that was held up by a starting guest. */
    private static final Duration START_OF_GUEST = Duration.ofMinutes(1);

    private final GuardedOwner owner;
    private final Cancellation cancellation;
    private final Call call;
    private final Runnable takeAway;
    private State state = State.BEFORE;
    private Optional<Answer> answer = Optional.empty();

    private enum State {
        BEFORE,
        ASKED,
        ANSWERED,
        GIVEN_UP
    }

    /** What came of it. */
    enum Answer {
        /** The definition is the new one. */
        DONE,
        /** It is the old one. */
        REFUSED,
        /** libvirt failed: it is one of the two. */
        UNKNOWN
    }

    /** The call. */
    interface Call {
        void run() throws LibvirtUnavailableException, RedefinitionRefusedException;
    }

    private String reason = "";

    /** @param takeAway makes sure that no guest finds the new file by the name in the new definition; must not throw */
    Redefinition(IdleGuard guard, Cancellation cancellation, Call call, Runnable takeAway) {
        this.owner = new GuardedOwner(guard, cancellation);
        this.cancellation = cancellation;
        this.call = call;
        this.takeAway = takeAway;
    }

    @Override
    public Optional<String> domain() {
        return owner.domain();
    }

    @Override
    public void requireIdle() throws ImageRefusedException {
        owner.requireIdle();
    }

    @Override
    public void childrenEndBy(Consumer<String> kill) {}

    @Override
    public boolean giveWay() {
        if (owner.giveWay()) {
            return true;
        }
        try {
            return giveUpUnlessAnsweredWithin(ANSWER_ON_ITS_WAY);
        } catch (InterruptedIOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Makes the call. Past this the cancellation is refused.
     *
     * @return empty if it was given up: the guest may have the old file, and what came of the call tells {@link #late}
     * @throws RunCancelledException if the guest wanted to start before
     */
    Optional<Answer> ask() throws RunCancelledException, InterruptedIOException {
        synchronized (this) {
            // Together: who is told that this cannot be cancelled any more finds the call under way.
            cancellation.passPointOfNoReturn();
            state = State.ASKED;
        }
        Thread asking = new Thread(this::call, "redefine");
        asking.setDaemon(true);
        asking.start();
        return giveUpUnlessAnsweredWithin(DEADLINE) ? Optional.empty() : late();
    }

    /** What came of a call that was given up, waiting for it as long as a guest may take to start; empty if nothing came. */
    synchronized Optional<Answer> late() throws InterruptedIOException {
        awaitAnswer(START_OF_GUEST);
        return answer;
    }

    /** In words, if it was not done. */
    synchronized String reason() {
        return reason;
    }

    private void call() {
        Answer came = Answer.DONE;
        String words = "";
        try {
            call.run();
        } catch (RedefinitionRefusedException e) {
            came = Answer.REFUSED;
            words = String.valueOf(e.getMessage());
        } catch (LibvirtUnavailableException | RuntimeException e) {
            came = Answer.UNKNOWN;
            words = String.valueOf(e.getMessage());
        }
        synchronized (this) {
            answer = Optional.of(came);
            reason = words;
            if (state == State.ASKED) {
                state = State.ANSWERED;
            }
            notifyAll();
        }
    }

    /** Whether it has been given up, now or before. */
    private synchronized boolean giveUpUnlessAnsweredWithin(Duration limit) throws InterruptedIOException {
        awaitAnswer(limit);
        if (state == State.ASKED) {
            state = State.GIVEN_UP;
            takeAway.run();
            notifyAll();
        }
        return state == State.GIVEN_UP;
    }

    private synchronized void awaitAnswer(Duration limit) throws InterruptedIOException {
        long end = System.nanoTime() + limit.toNanos();
        State before = state;
        try {
            while (answer.isEmpty() && state == before) {
                long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                if (left <= 0) {
                    return;
                }
                wait(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while libvirt was changing a definition");
        }
    }
}
