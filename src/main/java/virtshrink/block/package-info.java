/**
 * Bytes: where they come from, which of them are meant, and how fields are taken out of them without running over an edge.
 *
 * <p>Uses nothing else of this project; everything else may use it.
 */
@NullMarked
package virtshrink.block;

import org.jspecify.annotations.NullMarked;
