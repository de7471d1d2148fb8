/**
 * Formats that are recognised, named and left alone. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.signature;

import org.jspecify.annotations.NullMarked;
