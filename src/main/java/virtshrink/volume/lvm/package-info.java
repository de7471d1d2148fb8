/**
 * LVM2 volume groups: which logical volumes lie on a set of physical volumes, and which of their extents belong to none. The on-disk
 * structures are those that lvm2 calls {@code label_header}, {@code pv_header} and {@code mda_header}; behind them is a text.
 *
 * <p>Read strictly: a volume group in which anything contradicts anything else is left alone as a whole. May use {@code block} only.
 */
@NullMarked
package virtshrink.volume.lvm;

import org.jspecify.annotations.NullMarked;
