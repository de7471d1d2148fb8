/**
 * The daemon's entry point.
 */
@NullMarked
package virtshrink.daemon;

import org.jspecify.annotations.NullMarked;
