package virtshrink.image;

import java.util.OptionalLong;

/**
 * How fast a run may go.
 *
 * @param bytesPerSecond that its tools copy and compare at most, at least 1; empty for no limit
 * @param background whether they get only what others leave of processors and disks
 */
public record Pace(OptionalLong bytesPerSecond, boolean background) {
    /** As fast as it goes. */
    public static final Pace FULL = new Pace(OptionalLong.empty(), false);

    public Pace {
        if (bytesPerSecond.isPresent() && bytesPerSecond.getAsLong() < 1) {
            throw new IllegalArgumentException("not a rate: " + bytesPerSecond);
        }
    }
}
