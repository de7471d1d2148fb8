/**
 * What filesystems without a reader say of their last use: whether they were closed. Says nothing about what is free in them.
 *
 * <p>May use {@code block} only.
 */
@NullMarked
package virtshrink.filesystem.closed;

import org.jspecify.annotations.NullMarked;
