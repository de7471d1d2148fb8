/**
 * XFS, versions 4 and 5: which blocks no file or structure of the filesystem owns.
 *
 * <p>Follows "XFS Algorithms &amp; Data Structures" (the XFS project's documentation of the disk format) and what the Linux kernel and
 * xfsprogs hold to be valid. May use {@code block} and {@code filesystem} only.
 */
@NullMarked
package virtshrink.filesystem.xfs;

import org.jspecify.annotations.NullMarked;
