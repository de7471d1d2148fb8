/**
 * Originals that are kept for a time: what is known of them on disk, how long they stay, the way back, and the conversion of raw disks, which
 * keeps them too. The files themselves are exchanged and removed by {@code image}, domains are asked and changed through {@code libvirt}. Must
 * not import the schedule, the configuration or the history.
 */
@NullMarked
package virtshrink.originals;

import org.jspecify.annotations.NullMarked;
