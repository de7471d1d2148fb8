/**
 * A disk becomes a list of filesystems with their free space, or with the reason why they are left alone.
 *
 * <p>May use {@code block}, {@code volume} and {@code filesystem}.
 */
@NullMarked
package virtshrink.inspect;

import org.jspecify.annotations.NullMarked;
