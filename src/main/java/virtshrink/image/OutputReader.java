package virtshrink.image;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** Consumes a child's standard output as it comes, on a thread of its own. What it throws kills the child and fails the run. */
public interface OutputReader {
    /** Reads as far as it wants; the rest is drained. */
    void read(InputStream stdout) throws IOException;

    /** Each line or, as progress is written, each piece that ends in a carriage return; longer ones are cut at a thousand characters. */
    static OutputReader lines(Consumer<String> line) {
        return stdout -> {
            Reader reader = new BufferedReader(new InputStreamReader(stdout, StandardCharsets.UTF_8));
            StringBuilder piece = new StringBuilder();
            for (int c = reader.read(); c >= 0; c = reader.read()) {
                if (c == '\n' || c == '\r') {
                    if (!piece.isEmpty()) {
                        line.accept(piece.toString());
                        piece.setLength(0);
                    }
                } else if (piece.length() < 1000) {
                    piece.append((char) c);
                }
            }
            if (!piece.isEmpty()) {
                line.accept(piece.toString());
            }
        };
    }
}
