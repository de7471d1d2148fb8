package virtshrink.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import virtshrink.os.Terminal;

/**
 * The streams of this process. The terminal is looked at only when there is something to show: {@code --version} need not wait for it.
 *
 * <p>Honours {@code NO_COLOR} (any value but an empty one) and {@code TERM=dumb}.
 */
final class ProcessScreen implements Screen {
    private static final int OUT = 1;
    private static final int ERR = 2;
    private static final int USUAL_COLUMNS = 80;

    // The launcher runs us in a UTF-8 locale, for the sake of file names, and says here when the user's own was
    // another.
    private final boolean ascii = Boolean.getBoolean("virtshrink.ascii");
    private final PrintStream out = stream(FileDescriptor.out);
    private final PrintStream err = stream(FileDescriptor.err);

    @Override
    public PrintStream out() {
        return out;
    }

    @Override
    public PrintStream err() {
        return err;
    }

    @Override
    public Style outStyle() {
        return style(OUT);
    }

    @Override
    public Style errStyle() {
        return style(ERR);
    }

    @Override
    public boolean liveProgress() {
        return isCapable(ERR);
    }

    @Override
    public int columns() {
        return Terminal.columns(ERR).orElse(USUAL_COLUMNS);
    }

    private Style style(int descriptor) {
        String noColour = System.getenv("NO_COLOR");
        boolean colour = (noColour == null || noColour.isEmpty()) && isCapable(descriptor);
        return new Style(ascii ? Glyphs.ASCII : Glyphs.UNICODE, colour);
    }

    private static boolean isCapable(int descriptor) {
        String kind = System.getenv("TERM");
        return kind != null && !kind.equals("dumb") && Terminal.isTerminal(descriptor);
    }

    private PrintStream stream(FileDescriptor descriptor) {
        Charset charset = ascii ? StandardCharsets.US_ASCII : StandardCharsets.UTF_8;
        return new PrintStream(new FileOutputStream(descriptor), true, charset);
    }
}
