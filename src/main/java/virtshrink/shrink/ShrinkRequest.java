package virtshrink.shrink;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.image.ImageFormat;

/**
 * One disk and what is to be done with it. Made by {@link #of} and {@link #changed}; immutable.
 *
 * @param image the file, as named; a symbolic link is resolved once
 * @param format of the image, never probed
 * @param target the guest's name of the disk ({@code vda}), if a domain names it; volumes are then called by it
 * @param sectorBytes logical sector size of the guest's disk, 512 or 4096
 * @param output where the result goes; in place of the image when empty
 * @param convertTo format of the result; that of the image when empty
 * @param compress compress the result, also if the image was not
 * @param createOptions further {@code qemu-img -o} options of the result
 * @param ignore devices left alone, as {@code inspect} names them
 * @param zero devices whose whole content is given up
 * @param inPlace discard the free ranges in the image itself instead of rebuilding it
 * @param dryRun end after the estimate
 * @param keepOriginalSuffix keep the original under the image's name and this suffix
 * @param minimumGain below it there is nothing to do
 * @param filler how free space is found
 * @param allowRename use plain rename where exchange or leases do not exist
 * @param replayJournals prove free space where a guest was powered off hard, by replaying the journal in memory, unless the guard objects
 * @param guard asked at the start and again just before the swap
 */
public record ShrinkRequest(
        Path image,
        ImageFormat format,
        Optional<String> target,
        int sectorBytes,
        Optional<Path> output,
        Optional<ImageFormat> convertTo,
        boolean compress,
        List<String> createOptions,
        Set<String> ignore,
        Set<String> zero,
        boolean inPlace,
        boolean dryRun,
        Optional<String> keepOriginalSuffix,
        MinimumGain minimumGain,
        Filler filler,
        boolean allowRename,
        boolean replayJournals,
        IdleGuard guard) {
    public ShrinkRequest {
        createOptions = List.copyOf(createOptions);
        ignore = Set.copyOf(ignore);
        zero = Set.copyOf(zero);
    }

    /** A plain run: in place of itself, every reader, default threshold, no guard. */
    public static ShrinkRequest of(Path image, ImageFormat format) {
        return new ShrinkRequest(
                image,
                format,
                Optional.empty(),
                512,
                Optional.empty(),
                Optional.empty(),
                false,
                List.of(),
                Set.of(),
                Set.of(),
                false,
                false,
                Optional.empty(),
                MinimumGain.ANY,
                Filler.AUTO,
                false,
                false,
                IdleGuard.NONE);
    }

    /** The same with another guard. */
    public ShrinkRequest withGuard(IdleGuard other) {
        return changed().guard(other).build();
    }

    /** For a request that differs from this one. */
    public ShrinkRequestBuilder changed() {
        return new ShrinkRequestBuilder(this);
    }

    /** The same, with the original kept under the image's name and this suffix. */
    public ShrinkRequest keepingOriginal(String suffix) {
        return new ShrinkRequest(
                image,
                format,
                target,
                sectorBytes,
                output,
                convertTo,
                compress,
                createOptions,
                ignore,
                zero,
                inPlace,
                dryRun,
                Optional.of(suffix),
                minimumGain,
                filler,
                allowRename,
                replayJournals,
                guard);
    }

    /** The same, with the result in another format and in a file of its own. */
    public ShrinkRequest convertedTo(Path file, ImageFormat other) {
        return new ShrinkRequest(
                image,
                format,
                target,
                sectorBytes,
                Optional.of(file),
                Optional.of(other),
                compress,
                createOptions,
                ignore,
                zero,
                inPlace,
                dryRun,
                keepOriginalSuffix,
                minimumGain,
                filler,
                allowRename,
                replayJournals,
                guard);
    }

    /** How free space is found. */
    public enum Filler {
        /** The filesystem readers. */
        AUTO,
        /** None: only what already reads as zero is given back. */
        NONE,
        /** Mount each filesystem and fill it. */
        MOUNT
    }

    /** Tells whether the image's owner has come back to life. */
    public interface IdleGuard {
        /** Why the image must not be replaced now; empty if it may. Called from the run's thread. */
        Optional<String> whyNotNow();

        /**
         * Why the journals of its filesystems must not be replayed although that was asked for: it is not proven that the guest's last run
         * ended, and did not continue elsewhere. Called from the run's thread.
         */
        default Optional<String> whyNoReplay() {
            return Optional.empty();
        }

        /**
         * What speaks against a guest that is surely not suspended, and cannot be seen on this disk or those of the same request: a disk of the
         * domain that nobody can look at.
         */
        default Optional<String> unseen() {
            return Optional.empty();
        }

        /** The domain that owns the image, if there is one: when it starts, the run gives way to it. */
        default Optional<String> domain() {
            return Optional.empty();
        }

        IdleGuard NONE = Optional::empty;
    }
}
