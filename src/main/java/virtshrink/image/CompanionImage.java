package virtshrink.image;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The image of another disk of a guest, which a run looks at because its own disk cannot be understood without it. It is never written.
 *
 * @param image the file, as named
 * @param format never probed
 */
public record CompanionImage(Path image, ImageFormat format) {
    /**
     * Why the image cannot be looked at beside another, as a sentence; empty if it can. One whose content depends on what somebody does with
     * it from outside, such as going back to a snapshot, says nothing that another disk could rely on.
     */
    public Optional<String> objection() throws IOException {
        try {
            chain(resolve());
            return Optional.empty();
        } catch (ImageRefusedException refused) {
            return Optional.of(String.valueOf(refused.getMessage()));
        }
    }

    Path resolve() throws IOException, ImageRefusedException {
        try {
            return image.toRealPath();
        } catch (NoSuchFileException missing) {
            throw new ImageRefusedException(image + " does not exist");
        }
    }

    /**
     * The files it is made of, topmost first.
     *
     * @param file the image, symbolic links resolved a moment ago
     */
    List<ChainElement> chain(Path file) throws IOException, ImageRefusedException {
        List<ChainElement> chain = BackingChain.walk(image, format);
        if (!chain.get(0).file().equals(file)
                || !BackingChain.walk(file, format).equals(chain)) {
            throw new ImageRefusedException(image + " does not lead to the same files whatever name it is opened by");
        }
        if (format == ImageFormat.QCOW2) {
            Optional<String> unfit = Qcow2Features.whyNotReplaceable(Qcow2Features.readable(file));
            if (unfit.isPresent()) {
                throw new ImageRefusedException(file + " " + unfit.get());
            }
        }
        return chain;
    }
}
