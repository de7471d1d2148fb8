package virtshrink.cli;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import virtshrink.job.RunSettings;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.ShrinkRequest.Filler;

/** How a run goes about its work, for files and domains alike. */
final class RunOptions {
    @Option(names = "--dry-run", description = "End after the estimate; write nothing.")
    private boolean dryRun;

    @Option(
            names = "--keep-original",
            paramLabel = "SUFFIX",
            description = "Keep the original beside the new image, under its name and SUFFIX.")
    private @Nullable String keepOriginal;

    @Option(
            names = "--min-reclaim",
            paramLabel = "SIZE|PERCENT",
            converter = MinimumGainConverter.class,
            description = "Leave the image as it is if less can be reclaimed: 500M, 1.5G, 5%% of what it takes now.")
    private @Nullable MinimumGain minimumGain;

    @Option(
            names = "--filler",
            paramLabel = "auto|none|mount",
            description = "How free space is found: by reading the filesystems (auto), not at all, only what is"
                    + " already zero is given back (none), or, besides reading, by mounting an overlay in this host's"
                    + " kernel and filling what has no reader: udf, jfs, reiserfs (mount; needs root and the nbd"
                    + " module).")
    private Filler filler = Filler.AUTO;

    @Option(
            names = "--allow-rename",
            description = "Where the host's filesystem cannot exchange two files (NFS), use a plain rename.")
    private boolean allowRename;

    @Mixin
    private JournalOption journals = new JournalOption();

    boolean dryRun() {
        return dryRun;
    }

    Optional<String> keepOriginal() {
        return Optional.ofNullable(keepOriginal);
    }

    boolean mounts() {
        return filler == Filler.MOUNT;
    }

    /**
     * The same as values.
     *
     * @throws WrongUsageException if they cannot be meant
     */
    RunSettings settings() throws WrongUsageException {
        Optional<String> objection = keepOriginal().flatMap(RunSettings::objectionToSuffix);
        if (objection.isPresent()) {
            throw new WrongUsageException("--keep-original is '" + keepOriginal + "': " + objection.get());
        }
        return new RunSettings(
                dryRun,
                keepOriginal(),
                Optional.ofNullable(minimumGain),
                filler,
                allowRename,
                journals.replayJournals());
    }
}
