package virtshrink.originals;

import java.io.IOException;
import java.util.Optional;
import virtshrink.image.FileStamp;

/** Finds out what a run that died has left of an original, and finishes or undoes it. */
interface Settlement {
    /** May be called again and again: a crash in it is one more thing to settle. */
    Verdict settle() throws IOException;

    /** What it came to. */
    sealed interface Verdict {}

    /** The original is kept. */
    record Kept(Optional<FileStamp> replacement, String words) implements Verdict {}

    /** Nothing is kept, and nothing is left to do. */
    record Over(Optional<String> words) implements Verdict {}

    /** It cannot be said now. */
    record Undecided(String words) implements Verdict {}
}
