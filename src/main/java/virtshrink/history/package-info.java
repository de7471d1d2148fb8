/**
 * What was done, to which disk, with which result: an append-only file of JSON lines, written by the daemon and by runs on the command line,
 * one at a time, and read by anyone. Uses the model of {@code shrink} only.
 */
@NullMarked
package virtshrink.history;

import org.jspecify.annotations.NullMarked;
