/**
 * A part of a guest's disk in the host's kernel, for filesystems that this program cannot read: a device of its own for that part and nothing
 * else, mounted in a namespace that nobody else sees, and out of it again. The classical filler works there.
 *
 * <p>May use {@code image}, {@code os} and {@code block}. Does not know what is done with what is mounted.
 */
@NullMarked
package virtshrink.mount;

import org.jspecify.annotations.NullMarked;
