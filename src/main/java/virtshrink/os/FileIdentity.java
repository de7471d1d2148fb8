package virtshrink.os;

/**
 * What makes two names the same file.
 *
 * @param device encoded as {@code st_dev}
 * @param inode unsigned
 */
public record FileIdentity(long device, long inode) {}
