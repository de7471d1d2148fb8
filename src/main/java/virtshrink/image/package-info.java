/**
 * Disk images as files: facts, locks, overlay, rebuild, verification, swap; runs {@code qemu-img} and {@code qemu-nbd}.
 *
 * <p>May use {@code block}, {@code nbd} and {@code os}.
 */
@NullMarked
package virtshrink.image;

import org.jspecify.annotations.NullMarked;
