package virtshrink.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Keeps what was written; no terminal unless told so. */
final class TestScreen implements Screen {
    private final ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
    private final ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(outBytes, true, StandardCharsets.UTF_8);
    private final PrintStream err = new PrintStream(errBytes, true, StandardCharsets.UTF_8);
    private final boolean live;

    TestScreen(boolean live) {
        this.live = live;
    }

    String outText() {
        return outBytes.toString(StandardCharsets.UTF_8);
    }

    String errText() {
        return errBytes.toString(StandardCharsets.UTF_8);
    }

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
        return new Style(Glyphs.ASCII, false);
    }

    @Override
    public Style errStyle() {
        return outStyle();
    }

    @Override
    public boolean liveProgress() {
        return live;
    }

    @Override
    public int columns() {
        return 80;
    }
}
