package virtshrink.shrink;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.ShrinkRequest.Filler;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** A request on its way to another one that differs in a few things, each called as there. Not thread-safe. */
public final class ShrinkRequestBuilder {
    private final Path image;
    private ImageFormat format;
    private Optional<String> target;
    private int sectorBytes;
    private Optional<Path> output;
    private Optional<ImageFormat> convertTo;
    private boolean compress;
    private List<String> createOptions;
    private Set<String> ignore;
    private Set<String> zero;
    private boolean inPlace;
    private boolean dryRun;
    private Optional<String> keepOriginalSuffix;
    private MinimumGain minimumGain;
    private Filler filler;
    private boolean allowRename;
    private boolean replayJournals;
    private IdleGuard guard;

    ShrinkRequestBuilder(ShrinkRequest request) {
        image = request.image();
        format = request.format();
        target = request.target();
        sectorBytes = request.sectorBytes();
        output = request.output();
        convertTo = request.convertTo();
        compress = request.compress();
        createOptions = request.createOptions();
        ignore = request.ignore();
        zero = request.zero();
        inPlace = request.inPlace();
        dryRun = request.dryRun();
        keepOriginalSuffix = request.keepOriginalSuffix();
        minimumGain = request.minimumGain();
        filler = request.filler();
        allowRename = request.allowRename();
        replayJournals = request.replayJournals();
        guard = request.guard();
    }

    public ShrinkRequestBuilder format(ImageFormat value) {
        format = value;
        return this;
    }

    public ShrinkRequestBuilder target(Optional<String> value) {
        target = value;
        return this;
    }

    public ShrinkRequestBuilder sectorBytes(int value) {
        sectorBytes = value;
        return this;
    }

    public ShrinkRequestBuilder output(Optional<Path> value) {
        output = value;
        return this;
    }

    public ShrinkRequestBuilder convertTo(Optional<ImageFormat> value) {
        convertTo = value;
        return this;
    }

    public ShrinkRequestBuilder compress(boolean value) {
        compress = value;
        return this;
    }

    public ShrinkRequestBuilder createOptions(List<String> value) {
        createOptions = value;
        return this;
    }

    public ShrinkRequestBuilder ignore(Set<String> value) {
        ignore = value;
        return this;
    }

    public ShrinkRequestBuilder zero(Set<String> value) {
        zero = value;
        return this;
    }

    public ShrinkRequestBuilder inPlace(boolean value) {
        inPlace = value;
        return this;
    }

    public ShrinkRequestBuilder dryRun(boolean value) {
        dryRun = value;
        return this;
    }

    public ShrinkRequestBuilder keepOriginalSuffix(Optional<String> value) {
        keepOriginalSuffix = value;
        return this;
    }

    public ShrinkRequestBuilder minimumGain(MinimumGain value) {
        minimumGain = value;
        return this;
    }

    public ShrinkRequestBuilder filler(Filler value) {
        filler = value;
        return this;
    }

    public ShrinkRequestBuilder allowRename(boolean value) {
        allowRename = value;
        return this;
    }

    public ShrinkRequestBuilder replayJournals(boolean value) {
        replayJournals = value;
        return this;
    }

    public ShrinkRequestBuilder guard(IdleGuard value) {
        guard = value;
        return this;
    }

    public ShrinkRequest build() {
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
                keepOriginalSuffix,
                minimumGain,
                filler,
                allowRename,
                replayJournals,
                guard);
    }
}
