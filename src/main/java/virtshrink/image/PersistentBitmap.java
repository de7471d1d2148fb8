package virtshrink.image;

/**
 * A dirty bitmap stored in a qcow2 image: backup programs keep in it what has changed since.
 *
 * @param name as the image has it; may begin with anything
 * @param granularityBytes bytes of disk for each bit, a power of two
 * @param enabled it goes on recording when the guest runs ({@code auto})
 * @param inconsistent its writer has not closed it ({@code in-use}): its content is lost
 */
public record PersistentBitmap(String name, long granularityBytes, boolean enabled, boolean inconsistent) {}
