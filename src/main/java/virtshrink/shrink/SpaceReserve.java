package virtshrink.shrink;

/**
 * What a run leaves free on the host's filesystem: the smaller of both limits.
 *
 * @param mostBytes at least 0
 * @param mostPercent of the filesystem's size, 0 to 100
 */
public record SpaceReserve(long mostBytes, double mostPercent) {
    /** 1 GiB, on small filesystems no more than a twentieth. */
    public static final SpaceReserve STANDARD = new SpaceReserve(1L << 30, 5);

    public SpaceReserve {
        if (mostBytes < 0 || !(mostPercent >= 0 && mostPercent <= 100)) {
            throw new IllegalArgumentException("not a reserve: " + mostBytes + " bytes, " + mostPercent + " percent");
        }
    }

    /** So many bytes, whatever the filesystem's size. */
    public static SpaceReserve ofBytes(long bytes) {
        return new SpaceReserve(bytes, 100);
    }

    /** Such a part of the filesystem. */
    public static SpaceReserve ofPercent(double percent) {
        return new SpaceReserve(Long.MAX_VALUE, percent);
    }

    /** In bytes, on a filesystem of that size. */
    long bytesOf(long filesystemBytes) {
        return Math.min(mostBytes, (long) (filesystemBytes * (mostPercent / 100)));
    }
}
