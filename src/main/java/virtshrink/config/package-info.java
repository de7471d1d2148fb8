/**
 * The daemon's settings: reads {@code virt-shrinkd.toml}, with every complaint at once and at its line. Uses no other package but the value
 * of a threshold in {@code shrink}; what a cron expression or a connection URI may be, it is told.
 */
@NullMarked
package virtshrink.config;

import org.jspecify.annotations.NullMarked;
