package virtshrink.volume.lvm;

import java.util.Optional;

/**
 * Why something is not touched.
 *
 * @param corrupt whether it contradicts its format or itself, rather than being a case that is not supported
 * @param reason for the administrator, without a full stop
 */
public record LeftAlone(boolean corrupt, String reason) {
    static Optional<LeftAlone> corrupt(String reason) {
        return Optional.of(new LeftAlone(true, reason));
    }

    static Optional<LeftAlone> unsupported(String reason) {
        return Optional.of(new LeftAlone(false, reason));
    }
}
