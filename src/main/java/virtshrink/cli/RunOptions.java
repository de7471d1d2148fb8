package virtshrink.cli;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.ShrinkRequest;
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
                    + " already zero is given back (none), or by mounting and filling each filesystem (mount, a risk"
                    + " with guests you do not trust).")
    private Filler filler = Filler.AUTO;

    @Option(
            names = "--allow-rename",
            description = "Where the host's filesystem cannot exchange two files (NFS), use a plain rename.")
    private boolean allowRename;

    /** Those of a run that only estimates. */
    static RunOptions estimate() {
        RunOptions options = new RunOptions();
        options.dryRun = true;
        return options;
    }

    boolean dryRun() {
        return dryRun;
    }

    Optional<String> keepOriginal() {
        return Optional.ofNullable(keepOriginal);
    }

    /**
     * The request as these options change it.
     *
     * @throws WrongUsageException if they contradict one another
     */
    ShrinkRequest applyTo(ShrinkRequest request) throws WrongUsageException {
        if (keepOriginal != null && (keepOriginal.isEmpty() || keepOriginal.contains("/"))) {
            throw new WrongUsageException("--keep-original wants an ending for the file's name, such as .orig");
        }
        return new ShrinkRequest(
                request.image(),
                request.format(),
                request.target(),
                request.sectorBytes(),
                request.output(),
                request.convertTo(),
                request.compress(),
                request.createOptions(),
                request.ignore(),
                request.zero(),
                request.inPlace(),
                dryRun || request.dryRun(),
                keepOriginal().or(request::keepOriginalSuffix),
                minimumGain == null ? request.minimumGain() : minimumGain,
                filler,
                allowRename || request.allowRename(),
                request.guard());
    }
}
