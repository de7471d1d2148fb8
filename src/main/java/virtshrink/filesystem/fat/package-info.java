/**
 * The FAT family: FAT12, FAT16, FAT32 and exFAT.
 *
 * <p>Follows "Microsoft Extensible Firmware Initiative FAT32 File System Specification" (version 1.03) and "exFAT file system
 * specification" (revision 1.00), whose names of fields are used. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.fat;

import org.jspecify.annotations.NullMarked;
