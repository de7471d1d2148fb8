/**
 * Where filesystems lie on a disk: MBR and GPT partition tables.
 *
 * <p>May use {@code block} only.
 */
@NullMarked
package virtshrink.volume;

import org.jspecify.annotations.NullMarked;
