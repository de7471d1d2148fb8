/**
 * NTFS 1.2, 3.0 and 3.1: which clusters no file, directory or structure of the volume owns.
 *
 * <p>Microsoft publishes no specification of the format; structures and fields are named as in the Windows headers and documentation where
 * those name them ({@code FILE_RECORD_SEGMENT_HEADER}, {@code MULTI_SECTOR_HEADER}, {@code ATTRIBUTE_RECORD_HEADER}), and otherwise as the
 * Linux-NTFS documentation does. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.ntfs;

import org.jspecify.annotations.NullMarked;
