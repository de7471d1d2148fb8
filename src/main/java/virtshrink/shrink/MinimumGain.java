package virtshrink.shrink;

/**
 * The least gain that is worth a run: the larger of both limits.
 *
 * @param bytes at least 0
 * @param percent of what the image takes now, 0 to 100
 */
public record MinimumGain(long bytes, double percent) {
    /** One byte is enough. */
    public static final MinimumGain ANY = new MinimumGain(1, 0);

    public MinimumGain {
        if (bytes < 0 || !(percent >= 0 && percent <= 100)) {
            throw new IllegalArgumentException("not a minimum gain: " + bytes + " bytes, " + percent + " percent");
        }
    }

    /** Whether a gain is worth it. */
    public boolean isMetBy(long gainBytes, long allocatedBytes) {
        return gainBytes > 0 && gainBytes >= bytes && gainBytes >= allocatedBytes * percent / 100;
    }
}
