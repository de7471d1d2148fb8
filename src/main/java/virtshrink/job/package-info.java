/**
 * What both entry points do with a domain when somebody asks for it: the run over its disks, what becomes of it, the same as the documented JSON
 * and back, and as entries of the history. Must not import an entry point, nor the socket between them.
 */
@NullMarked
package virtshrink.job;

import org.jspecify.annotations.NullMarked;
