package virtshrink.cli;

import java.io.PrintStream;

/** Where output goes and what it can show. */
interface Screen {
    /** Standard output: results. */
    PrintStream out();

    /** Standard error: progress, notes, complaints. */
    PrintStream err();

    /** How results may be adorned. */
    Style outStyle();

    /** How progress and complaints may be adorned. */
    Style errStyle();

    /** Whether a line on {@link #err} can be drawn over. */
    boolean liveProgress();

    /** Width of the terminal behind {@link #err}; asked again for each drawing, because windows change. */
    int columns();
}
