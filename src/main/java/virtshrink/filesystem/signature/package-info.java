/**
 * Formats that are recognised, named and left alone. The places and values of the marks are those that {@code libblkid} looks for, and the
 * types are spelled as {@code blkid(8)} spells them.
 *
 * <p>May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.signature;

import org.jspecify.annotations.NullMarked;
