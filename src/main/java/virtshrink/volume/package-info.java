/**
 * Where filesystems lie on a disk: MBR and GPT partition tables, read strictly: whoever cannot tell whose a byte is must not free it.
 *
 * <p>May use {@code block} only.
 */
@NullMarked
package virtshrink.volume;

import org.jspecify.annotations.NullMarked;
