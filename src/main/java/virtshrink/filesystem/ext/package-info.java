/**
 * ext2, ext3 and ext4. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.ext;

import org.jspecify.annotations.NullMarked;
