package virtshrink.image;

import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.os.FileStatus;

/**
 * How the files beside an image are called while a run works on it: {@code .NAME.virt-shrink-ID.ROLE}.
 *
 * <p>The name says whose leftover a file is and how far its run had come, also after a power cut.
 */
final class TemporaryNames {
    /** What a file beside the image is. */
    enum Role {
        /** Takes the zeros; stands on the image. */
        OVERLAY("overlay.qcow2"),
        /** Stands on the overlay and takes, for the rebuild, all that lies above the image's own backing file. */
        REBASE("rebase.qcow2"),
        /** The image being rebuilt; never the original. */
        NEW("new.qcow2"),
        /** About to be exchanged with the image, or just exchanged: the new one or the original; its name goes on with both inode numbers and the time. */
        EXCHANGE("exchange"),
        /** Second link of the original, on its way to the name under which it is kept. */
        BACKUP("backup"),
        /** Scratch file of the permission probe. */
        PROBE("probe"),
        /** The other one: the probe exchanges the two. */
        PROBE_TWIN("probe-twin");

        private final String suffix;

        Role(String suffix) {
            this.suffix = suffix;
        }
    }

    private static final Pattern NAME =
            Pattern.compile("\\.(?<image>.+)\\.virt-shrink-(?<id>[0-9a-f]{12})\\.(?<role>[a-z0-9.-]+)", Pattern.DOTALL);

    private final Path image;
    private final String runId;

    TemporaryNames(Path image, String runId) {
        this.image = image;
        this.runId = runId;
    }

    Path of(Role role) {
        return image.resolveSibling("." + image.getFileName() + ".virt-shrink-" + runId + "." + role.suffix);
    }

    /**
     * The name for the moment of the exchange; it tells later whether a file is one of the two, and as it was then.
     *
     * @param original whose time of modification both have at that moment
     */
    Path forExchange(FileStatus original, FileStatus replacement) {
        Path plain = of(Role.EXCHANGE);
        return plain.resolveSibling("%s-%d-%d-%s"
                .formatted(plain.getFileName(), original.inode(), replacement.inode(), lastWritten(original)));
    }

    /** Whether a file is one of the two that its name speaks of, and has not been written since. */
    static boolean isAsExchanged(Path exchanged, FileStatus status) {
        String[] parts = String.valueOf(exchanged.getFileName()).split("-", -1);
        int last = parts.length - 1;
        String inode = Long.toString(status.inode());
        return parts.length > 3
                && parts[last].equals(lastWritten(status))
                && (parts[last - 1].equals(inode) || parts[last - 2].equals(inode));
    }

    private static String lastWritten(FileStatus status) {
        return "%x.%x".formatted(status.mtimeSeconds(), status.mtimeNanos());
    }

    /** The role a file has for the image; empty if it is no temporary file of this image. */
    static Optional<Role> roleOf(Path file, Path image) {
        Matcher matcher = NAME.matcher(String.valueOf(file.getFileName()));
        if (!matcher.matches() || !matcher.group("image").equals(String.valueOf(image.getFileName()))) {
            return Optional.empty();
        }
        for (Role role : Role.values()) {
            if (role.suffix.equals(matcher.group("role"))) {
                return Optional.of(role);
            }
        }
        if (matcher.group("role").startsWith(Role.EXCHANGE.suffix + "-")) {
            return Optional.of(Role.EXCHANGE);
        }
        return Optional.empty();
    }

    /** Whether a file name is that of a temporary file of any image. */
    static boolean isTemporary(Path file) {
        return NAME.matcher(String.valueOf(file.getFileName())).matches();
    }
}
