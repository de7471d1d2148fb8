package virtshrink.shrink;

/**
 * What becomes of the images that the daemon's runs displace.
 *
 * @param keepOriginal how long an original stays beside the image that has taken its place
 * @param raw what becomes of raw disks
 * @param keepConverted how long the raw disk stays beside the qcow2 image it was converted to; never {@link KeepOriginal.No}
 */
public record OriginalsPolicy(KeepOriginal keepOriginal, RawDisks raw, KeepOriginal keepConverted) {
    /** Nothing is kept and nothing converted. */
    public static final OriginalsPolicy STANDARD =
            new OriginalsPolicy(new KeepOriginal.No(), RawDisks.KEEP, new KeepOriginal.UntilCleanStop());

    public OriginalsPolicy {
        if (keepConverted instanceof KeepOriginal.No) {
            throw new IllegalArgumentException("a converted disk is kept for a while");
        }
    }

    /** The same with another time for which displaced images are kept. */
    public OriginalsPolicy keepingOriginals(KeepOriginal keep) {
        return new OriginalsPolicy(keep, raw, keepConverted);
    }
}
