package virtshrink.nbd;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Text that a server sent, made fit for a log and a terminal. */
final class ServerText {
    private static final int MOST_CHARS = 500;

    private ServerText() {}

    /** The bytes as UTF-8 without control characters, shortened. */
    static String of(ByteBuffer bytes) {
        StringBuilder text = new StringBuilder();
        StandardCharsets.UTF_8
                .decode(bytes)
                .codePoints()
                .limit(MOST_CHARS)
                .map(c -> isPrintable(c) ? c : '?')
                .forEach(text::appendCodePoint);
        return text.toString();
    }

    private static boolean isPrintable(int codePoint) {
        int type = Character.getType(codePoint);
        // Format characters include those that turn the direction of a terminal's text.
        return !Character.isISOControl(codePoint) && type != Character.FORMAT && type != Character.SURROGATE;
    }
}
