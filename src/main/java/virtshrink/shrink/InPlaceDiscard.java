package virtshrink.shrink;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.RangeSet;
import virtshrink.image.ImageCheck;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.Qcow2Facts;
import virtshrink.image.ServedDisk;

/**
 * Gives free space back in the image itself: the one way of working that writes to the original, and only to its free blocks. For hosts
 * without room for a second file.
 */
final class InPlaceDiscard {
    /** So much is done between two looks at whether to stop. */
    private static final long BATCH_BYTES = 64L << 20;

    private final ImageWork work;
    private final ShrinkRequest request;
    private final ReclaimPlan plan;
    private final Cancellation cancellation;

    InPlaceDiscard(ImageWork work, ShrinkRequest request, ReclaimPlan plan, Cancellation cancellation) {
        this.work = work;
        this.request = request;
        this.plan = plan;
        this.cancellation = cancellation;
    }

    /**
     * Asked after everything that this run itself had opened is closed again.
     *
     * @throws ImageRefusedException if the format cannot give space back in place, or not without risk, or somebody has the image open
     */
    static void requirePossible(ImageWork work) throws IOException, ImageRefusedException {
        if (work.format() != ImageFormat.QCOW2 && work.format() != ImageFormat.RAW) {
            throw new ImageRefusedException("only qcow2 and raw images can give space back in place");
        }
        Optional<Qcow2Facts> qcow2 = work.facts().qcow2();
        if (qcow2.isPresent() && !qcow2.get().bitmaps().isEmpty()) {
            throw new ImageRefusedException(
                    "the image has persistent bitmaps, which an interruption in place would make inconsistent; shrink it without --in-place");
        }
        // Whoever reads past the locks, such as a loop device with a mounted filesystem, may take a free block into
        // use.
        if (work.lock().isOpenElsewhere().orElse(false)) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.IN_USE,
                    work.file() + " is open in another process (a starting guest, a backup, a loop device)");
        }
    }

    /** Returns false if it was stopped between two requests; the image is whole in any case. */
    boolean run(PhaseClock clock) throws IOException, ImageRefusedException {
        long total = plan.zeroed().totalBytes();
        long done = 0;
        try (ServedDisk served = work.serveOriginalWritable()) {
            for (RangeSet batch : plan.zeroed().batches(BATCH_BYTES)) {
                if (cancellation.reason().isPresent()) {
                    served.stop();
                    return false;
                }
                Optional<String> disturbed = work.whyDisturbed(done > 0).or(request.guard()::whyNotNow);
                if (disturbed.isPresent()) {
                    served.stop();
                    throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, disturbed.get());
                }
                long doneBefore = done;
                served.writeZeroes(batch, bytes -> clock.bytesOf(total).accept(doneBefore + bytes));
                done += batch.totalBytes();
            }
            served.stop();
        }
        return true;
    }

    /** The image is consistent, reads zeros where it was to, and everything else as before. */
    static void verify(DiskView view, InspectedDisk disk) throws IOException {
        ImageWork work = view.work();
        Optional<ImageCheck> check = work.checkNow();
        if (check.isPresent() && !check.get().sound()) {
            throw new IOException("qemu-img check finds %d corruptions and %d errors in %s after giving space back"
                    .formatted(check.get().corruptions(), check.get().checkErrors(), work.file()));
        }
        try (ServedDisk served = work.serveOriginal()) {
            disk.requireSameIn(served, view);
            served.stop();
        }
    }
}
