package virtshrink.os;

/**
 * {@code struct fsxattr} of {@code linux/fs.h}: what XFS keeps for a file beyond the {@link InodeFlags}; ext4 and others have the project.
 *
 * @param flags {@code FS_XFLAG_*}
 * @param extentSizeHintBytes unsigned
 * @param projectId unsigned
 * @param copyOnWriteExtentSizeHintBytes unsigned
 */
public record ExtendedFileAttributes(
        int flags, int extentSizeHintBytes, int projectId, int copyOnWriteExtentSizeHintBytes) {
    static final int BYTES = 28;
}
