package virtshrink.shrink;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunOwner;

/** Speaks for whoever owns the disk of a request: through its guard as long as the run may go on, through the cancellation when it must not. */
final class DiskOwner implements RunOwner {
    private final ShrinkRequest request;
    private final List<ShrinkRequest> companions;
    private final Cancellation cancellation;

    /** @param companions disks of the same owner without which this one means nothing */
    DiskOwner(ShrinkRequest request, List<ShrinkRequest> companions, Cancellation cancellation) {
        this.request = request;
        this.companions = companions;
        this.cancellation = cancellation;
    }

    @Override
    public Optional<String> domain() {
        return request.guard().domain();
    }

    @Override
    public void requireIdle() throws ImageRefusedException {
        requireIdle(request);
        for (ShrinkRequest companion : companions) {
            requireIdle(companion);
        }
    }

    private static void requireIdle(ShrinkRequest disk) throws ImageRefusedException {
        Optional<String> objection = disk.guard().whyNotNow();
        if (objection.isPresent()) {
            throw new ImageRefusedException(ImageRefusedException.Kind.DOMAIN, objection.get());
        }
    }

    /** In-place work stops between two requests; everything else dies at once. */
    @Override
    public void childrenEndBy(Consumer<String> kill) {
        if (!request.inPlace()) {
            cancellation.onCancel(() -> kill.accept(cancellation.reason().orElse("the run was cancelled")));
        }
    }

    @Override
    public boolean giveWay() {
        // A run that is being cancelled for another reason will not replace the image either.
        return cancellation.cancel(Cause.GUEST_STARTS, "a guest wants to start")
                || cancellation.reason().isPresent();
    }
}
