package virtshrink.shrink;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.filesystem.FilesystemState;
import virtshrink.inspect.DiskInspection;

/**
 * The record of one run on one disk.
 *
 * @param image the image as it was named
 * @param target the guest's name of the disk ({@code vda}), where a domain named it
 * @param before what the image took
 * @param after what it takes now; equal to {@code before} unless the outcome is {@link Outcome#SHRUNK}; the expected size after a dry run
 *     or an estimate is in {@code reclaimableBytes}
 * @param reclaimableBytes data in free space that a run can give back, as estimated before the rebuild
 * @param cause how it ended, and of which kind the reason is
 * @param reason why it ended so; empty for a plain success
 * @param phases time spent, by phase, in the order they ran
 * @param inspection what lies on the disk, as far as the run came
 * @param notes what else the user should know: what was left alone and why, cleaned leftovers, a kept backup
 */
public record ShrinkReport(
        Path image,
        Optional<String> target,
        FileSize before,
        FileSize after,
        long reclaimableBytes,
        Cause cause,
        String reason,
        Map<Phase, Duration> phases,
        Optional<DiskInspection> inspection,
        List<FilesystemGain> gains,
        List<String> notes) {
    public ShrinkReport {
        gains = List.copyOf(gains);
        notes = List.copyOf(notes);
    }

    /** A report whose reason is of no particular kind. */
    public ShrinkReport(
            Path image,
            Optional<String> target,
            FileSize before,
            FileSize after,
            long reclaimableBytes,
            Outcome outcome,
            String reason,
            Map<Phase, Duration> phases,
            Optional<DiskInspection> inspection,
            List<FilesystemGain> gains,
            List<String> notes) {
        this(
                image,
                target,
                before,
                after,
                reclaimableBytes,
                Cause.generalOf(outcome),
                reason,
                phases,
                inspection,
                gains,
                notes);
    }

    /** How it ended. */
    public Outcome outcome() {
        return cause.outcome();
    }

    /** Bytes given back to the host; 0 unless shrunk, and then never negative by construction of the run. */
    public long reclaimedBytes() {
        return before.allocatedBytes() - after.allocatedBytes();
    }

    /** Of a run that could not even begin. */
    public static ShrinkReport failed(ShrinkRequest request, String why) {
        return new ShrinkReport(
                request.image(),
                request.target(),
                FileSize.NONE,
                FileSize.NONE,
                0,
                Cause.FAULT,
                why,
                Map.of(),
                Optional.empty(),
                List.of(),
                List.of());
    }

    /**
     * Whether a run that ended with the estimate has found filesystems that would be mounted and filled, as {@link ShrinkRequest.Filler#MOUNT}
     * asks: what that gives back is in no figure.
     */
    public boolean mayGainByMounting() {
        return outcome() == Outcome.NOTHING_TO_GAIN
                && inspection.stream()
                        .flatMap(found -> found.filesystems().stream())
                        .anyMatch(finding -> finding.state() instanceof FilesystemState.Unsupported unsupported
                                && unsupported.closed());
    }

    /** The same with one more note. */
    public ShrinkReport withNote(String note) {
        List<String> more = new ArrayList<>(notes);
        more.add(note);
        return changed(image, after, cause, reason, more);
    }

    /** The same of the file that has taken the image's place. */
    public ShrinkReport on(Path successor) {
        return changed(successor, after, cause, reason, notes);
    }

    /** The run made something, but in the end nothing became of it. */
    public ShrinkReport endedUnchanged(Cause end, String why) {
        return changed(image, before, end, why, notes);
    }

    private ShrinkReport changed(Path of, FileSize size, Cause end, String why, List<String> said) {
        return new ShrinkReport(of, target, before, size, reclaimableBytes, end, why, phases, inspection, gains, said);
    }

    /**
     * What one filesystem contributes.
     *
     * @param device as in the inspection
     * @param reclaimableBytes data in its free space that the image's own layer holds and can give back
     */
    public record FilesystemGain(String device, long reclaimableBytes) {}
}
