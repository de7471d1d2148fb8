/**
 * The contract between disk inspection and the filesystem readers: what a reader is asked and what it may answer.
 *
 * <p>Each format lives in a package of its own below this one ({@code ext}, {@code swap}, …); those never use one another. May use
 * {@code block} only.
 */
@NullMarked
package virtshrink.filesystem;

import org.jspecify.annotations.NullMarked;
