/**
 * ext2, ext3 and ext4: which bytes no file, directory or structure of the filesystem owns.
 *
 * <p>Follows the data structures documented with the Linux kernel ({@code Documentation/filesystems/ext4}). May use {@code block} and
 * {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.ext;

import org.jspecify.annotations.NullMarked;
