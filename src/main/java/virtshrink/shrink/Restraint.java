package virtshrink.shrink;

import virtshrink.image.Pace;

/**
 * How runs hold themselves back for the sake of everything else on the host.
 *
 * @param reserve what they leave free on the filesystem they write to
 * @param pace of their tools; in the background, the thread that calls has low priority while the run lasts
 */
public record Restraint(SpaceReserve reserve, Pace pace) {
    /** No more than the standard reserve. */
    public static final Restraint NONE = new Restraint(SpaceReserve.STANDARD, Pace.FULL);
}
