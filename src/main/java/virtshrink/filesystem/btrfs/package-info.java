/**
 * btrfs on one device: which bytes no extent, superblock or structure of the filesystem owns.
 *
 * <p>Follows the structures of the Linux kernel's {@code include/uapi/linux/btrfs_tree.h} and the on-disk format that the btrfs
 * documentation describes ({@code dev/On-disk-format}). Logical addresses are those of the filesystem's own address space; the chunk tree
 * says where they lie on the device. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.btrfs;

import org.jspecify.annotations.NullMarked;
