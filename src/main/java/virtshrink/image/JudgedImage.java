package virtshrink.image;

import java.nio.file.Path;
import java.util.List;

/**
 * An image that may be shrunk.
 *
 * @param file absolute, symbolic links resolved
 * @param chain the file and what it stands on, topmost first
 */
public record JudgedImage(Path file, List<ChainElement> chain, ImageFacts facts) {
    public JudgedImage {
        chain = List.copyOf(chain);
    }
}
