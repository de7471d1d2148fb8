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
        /** About to be exchanged with the image, or just exchanged: the new one or the original. The name says when it was last written. */
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

    /** Seconds and nanoseconds of the original's time of modification. */
    private static final Pattern EXCHANGE_NAME =
            Pattern.compile("exchange-(?<seconds>[0-9a-f]{1,16})-(?<nanos>[0-9a-f]{1,8})\\.qcow2");

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
     * The name under which the original stands beside, once the new file has its name.
     *
     * @param original whose time of modification both have at that moment
     */
    Path ofExchange(FileStatus original) {
        Path plain = of(Role.EXCHANGE);
        return plain.resolveSibling(
                "%s-%x-%x.qcow2".formatted(plain.getFileName(), original.mtimeSeconds(), original.mtimeNanos()));
    }

    /** Whether a file of role {@link Role#EXCHANGE} has not been written since the exchange. */
    static boolean isAsExchanged(Path file, FileStatus status) {
        String name = String.valueOf(file.getFileName());
        Matcher whole = NAME.matcher(name);
        Matcher exchange = EXCHANGE_NAME.matcher(whole.matches() ? whole.group("role") : "");
        return exchange.matches()
                && Long.parseUnsignedLong(exchange.group("seconds"), 16) == status.mtimeSeconds()
                && Integer.parseUnsignedInt(exchange.group("nanos"), 16) == status.mtimeNanos();
    }

    /** The role a file has for the image; empty if it is no temporary file of this image. */
    static Optional<Role> roleOf(Path file, Path image) {
        Matcher matcher = NAME.matcher(String.valueOf(file.getFileName()));
        if (!matcher.matches() || !matcher.group("image").equals(String.valueOf(image.getFileName()))) {
            return Optional.empty();
        }
        String suffix = matcher.group("role");
        for (Role role : Role.values()) {
            if (role.suffix.equals(suffix)) {
                return Optional.of(role);
            }
        }
        if (EXCHANGE_NAME.matcher(suffix).matches()) {
            return Optional.of(Role.EXCHANGE);
        }
        return Optional.empty();
    }

    /** Whether a file name is that of a temporary file of any image. */
    static boolean isTemporary(Path file) {
        return NAME.matcher(String.valueOf(file.getFileName())).matches();
    }
}
