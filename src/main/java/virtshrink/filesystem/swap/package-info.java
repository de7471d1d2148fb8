/**
 * Linux swap areas: mainline kernel, {@code include/linux/swap.h} and {@code mkswap(8)}.
 *
 * <p>May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.swap;

import org.jspecify.annotations.NullMarked;
