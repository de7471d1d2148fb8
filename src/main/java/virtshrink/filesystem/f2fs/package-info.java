/**
 * F2FS on one device.
 *
 * <p>Follows the on-disk layout documented with the Linux kernel ({@code Documentation/filesystems/f2fs.rst},
 * {@code include/linux/f2fs_fs.h}). May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.f2fs;

import org.jspecify.annotations.NullMarked;
