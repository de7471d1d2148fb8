/**
 * The command line. May use everything but the daemon.
 */
@NullMarked
package virtshrink.cli;

import org.jspecify.annotations.NullMarked;
