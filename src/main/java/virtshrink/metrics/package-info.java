/**
 * Figures for Prometheus: counted from the entries of the history as they are written, offered over HTTP and as a file for node_exporter. The
 * only importer of the Prometheus library. Uses the history and the model of {@code shrink} only.
 */
@NullMarked
package virtshrink.metrics;

import org.jspecify.annotations.NullMarked;
