package virtshrink.filesystem;

/**
 * Name and measure of a filesystem, as far as it could be read.
 *
 * @param type as {@code blkid(8)} names it: {@code ext4}, {@code swap}, {@code crypto_LUKS}, …
 * @param label empty if there is none
 * @param uuid in the format's own notation; empty if there is none
 * @param blockBytes allocation unit in bytes; 0 if unknown
 * @param totalBytes size of the filesystem in bytes; 0 if unknown
 */
public record FilesystemIdentity(String type, String label, String uuid, long blockBytes, long totalBytes) {
    /** Only the type is known. */
    public static FilesystemIdentity ofType(String type) {
        return new FilesystemIdentity(type, "", "", 0, 0);
    }
}
