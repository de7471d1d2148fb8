package virtshrink.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;
import virtshrink.image.ImageFormat;

/** Which format an image is taken to have: the one named, or the one its name says; its content is never asked, a guest could write it. */
final class ImageFormats {
    private ImageFormats() {}

    /** The format that the file's extension stands for; empty if it stands for none. */
    static Optional<ImageFormat> byExtension(Path image) {
        Path file = image.getFileName();
        String name = file == null ? "" : file.toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".qcow2")) {
            return Optional.of(ImageFormat.QCOW2);
        }
        return name.endsWith(".raw") || name.endsWith(".img") ? Optional.of(ImageFormat.RAW) : Optional.empty();
    }

    /**
     * The format to take.
     *
     * @throws WrongUsageException if none is named and the name says nothing
     */
    static ImageFormat choose(@Nullable ImageFormat named, Path image) throws WrongUsageException {
        if (named != null) {
            return named;
        }
        return byExtension(image)
                .orElseThrow(() -> new WrongUsageException(
                        "cannot tell the format of '" + image + "' by its name; name it with --format (" + names()
                                + "); it is never guessed from the content"));
    }

    static String names() {
        return Arrays.stream(ImageFormat.values()).map(ImageFormat::qemuName).collect(Collectors.joining(", "));
    }

    /** Reads {@code qcow2} and the like. */
    static final class Converter implements ITypeConverter<ImageFormat> {
        @Override
        public ImageFormat convert(String value) {
            return ImageFormat.ofQemuName(value)
                    .orElseThrow(() -> new TypeConversionException("'" + value + "' is none of " + names()));
        }
    }
}
