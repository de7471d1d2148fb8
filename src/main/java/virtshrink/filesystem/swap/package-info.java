/**
 * Linux swap areas. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.swap;

import org.jspecify.annotations.NullMarked;
