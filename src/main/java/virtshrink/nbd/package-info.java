/**
 * NBD client over Unix sockets: handshake, structured replies, block status, write-zeroes, pipelining.
 *
 * <p>Follows the NBD protocol specification (doc/proto.md). May use {@code block} only.
 */
@NullMarked
package virtshrink.nbd;

import org.jspecify.annotations.NullMarked;
