/**
 * The daemon: nightly work by schedule and policy. Its parts are small: {@link virtshrink.daemon.Daemon} lives as long as the process,
 * {@link virtshrink.daemon.Night} is one schedule's work at one time. May use everything but the command line.
 */
@NullMarked
package virtshrink.daemon;

import org.jspecify.annotations.NullMarked;
