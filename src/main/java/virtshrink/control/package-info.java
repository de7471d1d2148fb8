/**
 * The socket between the command line and the daemon, both ends of it: who may ask, what is asked, what is answered, and bounds on all of it.
 * Knows nothing of domains, libvirt and configuration: results and states pass through as JSON objects.
 *
 * <p>The protocol, version 1: the client connects to a Unix stream socket and sends one request, a JSON object on one line of UTF-8 of at most
 * {@link virtshrink.control.ControlServer#MOST_REQUEST_BYTES} bytes. The daemon answers with one or more such lines and closes the connection. A client that
 * closes its end, or only its sending half, before the answer is complete takes its request back.
 */
@NullMarked
package virtshrink.control;

import org.jspecify.annotations.NullMarked;
