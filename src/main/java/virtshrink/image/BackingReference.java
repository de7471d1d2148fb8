package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A backing file as an image's header names it, or is to name it.
 *
 * @param name as written, a plain file name; relative to the image's directory unless absolute
 */
public record BackingReference(String name, ImageFormat format) {
    /**
     * Reads the header of an image that may be opened.
     *
     * @return empty if it has no backing file
     * @throws ImageRefusedException if it must not be opened, or names a backing file in a way that is not followed
     */
    static Optional<BackingReference> read(Path image, ImageFormat format) throws IOException, ImageRefusedException {
        if (format == ImageFormat.RAW) {
            return Optional.empty();
        }
        if (format != ImageFormat.QCOW2) {
            ForeignImage.requireSelfContained(image, format);
            return Optional.empty();
        }
        return of(Qcow2Features.readable(image), image);
    }

    static Optional<BackingReference> of(Qcow2Header header, Path image) throws ImageRefusedException {
        if (header.backingName().isEmpty()) {
            return Optional.empty();
        }
        String name = header.backingName().get();
        if (hasProtocol(name)) {
            throw new ImageRefusedException(
                    "the backing file of %s is not a plain file name: %s".formatted(image, Printable.of(name)));
        }
        Optional<String> formatName = header.extensions().backingFormat();
        if (formatName.isEmpty()) {
            throw new ImageRefusedException(
                    ("%s does not record the format of its backing file; if that is qcow2, record it with:"
                                    + " qemu-img rebase -u -f qcow2 -F qcow2 -b %s %s")
                            .formatted(image, Printable.shellWord(name), Printable.shellWord(image.toString())));
        }
        ImageFormat format = ImageFormat.ofQemuName(formatName.get())
                .orElseThrow(() -> new ImageRefusedException("the backing file of %s has the unknown format %s"
                        .formatted(image, Printable.of(formatName.get()))));
        return Optional.of(new BackingReference(name, format));
    }

    /** As {@code path_has_protocol} of qemu: a colon before any slash. Covers {@code json:} and {@code file:} too. */
    static boolean hasProtocol(String name) {
        int colon = name.indexOf(':');
        int slash = name.indexOf('/');
        return colon >= 0 && (slash < 0 || colon < slash);
    }
}
