/**
 * Domains, their disks, and whether they may be touched; the only importer of libvirt-java.
 *
 * <p>May use the model of {@code shrink} and {@code image}.
 */
@NullMarked
package virtshrink.libvirt;

import org.jspecify.annotations.NullMarked;
