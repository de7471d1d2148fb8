package virtshrink.originals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.image.FileStamp;
import virtshrink.image.KeptFile;

/** Of an original whose name a new image has got, or the other way round: which of the two files has the name tells their inode numbers. */
final class SwapSettlement implements Settlement {
    private final KeptOriginal kept;

    SwapSettlement(KeptOriginal kept) {
        this.kept = kept;
    }

    @Override
    public Verdict settle() throws IOException {
        Path original = kept.original().file();
        Optional<FileStamp> aside = FileStamp.of(original);
        Optional<FileStamp> present = FileStamp.of(kept.image().file());
        boolean inPlace = present.filter(kept.stamp()::sameFile).isPresent();
        boolean isAside = aside.filter(kept.stamp()::equals).isPresent();
        return switch (kept.stage()) {
            case INTENDED, MOVING, KEPT -> intended(inPlace, isAside, present);
            case RETURNING -> returning(inPlace, isAside, aside);
        };
    }

    private Verdict intended(boolean inPlace, boolean isAside, Optional<FileStamp> present) {
        if (isAside && !inPlace && present.isPresent()) {
            Optional<FileStamp> untouched = present.filter(now -> now.sameTime(kept.stamp()));
            return new Kept(untouched, "a run that died had kept it");
        }
        // A run that died before the swap has left nothing under that name; what else is there is not ours.
        return new Over(Optional.empty());
    }

    private Verdict returning(boolean inPlace, boolean isAside, Optional<FileStamp> aside) throws IOException {
        if (isAside && !inPlace) {
            return new Kept(kept.replacement(), "a run that died had not put it back yet");
        }
        if (!inPlace) {
            return new Undecided("neither " + kept.image().file() + " nor "
                    + kept.original().file() + " is the original that was to be put back");
        }
        if (aside.isPresent() && aside.equals(kept.replacement())) {
            KeptFile.Removal removal = KeptFile.remove(kept.original().file(), aside.get());
            if (removal instanceof KeptFile.Removal.LeftAlone left) {
                return new Undecided("the original is back; what had its place is left: " + left.reason());
            }
        }
        return new Over(Optional.of("a run that died had put it back"));
    }
}
