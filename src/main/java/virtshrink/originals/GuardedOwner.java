package virtshrink.originals;

import java.util.Optional;
import java.util.function.Consumer;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunOwner;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cause;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Speaks for the domain of a disk: through its guard as long as the work may go on, through the cancellation when it must not. */
final class GuardedOwner implements RunOwner {
    private final IdleGuard guard;
    private final Cancellation cancellation;

    GuardedOwner(IdleGuard guard, Cancellation cancellation) {
        this.guard = guard;
        this.cancellation = cancellation;
    }

    @Override
    public Optional<String> domain() {
        return guard.domain();
    }

    @Override
    public void requireIdle() throws ImageRefusedException {
        Optional<String> objection = guard.whyNotNow();
        if (objection.isPresent()) {
            throw new ImageRefusedException(ImageRefusedException.Kind.DOMAIN, objection.get());
        }
    }

    /** There are none. */
    @Override
    public void childrenEndBy(Consumer<String> kill) {}

    @Override
    public boolean giveWay() {
        return cancellation.cancel(Cause.GUEST_STARTS, "a guest wants to start")
                || cancellation.reason().isPresent();
    }
}
