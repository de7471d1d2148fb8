/**
 * The few Linux calls that Java lacks, by JNA.
 *
 * <p>Uses nothing else of this project.
 */
@NullMarked
package virtshrink.os;

import org.jspecify.annotations.NullMarked;
