package virtshrink.history;

import virtshrink.history.HistoryEntry.NightEnded;

/**
 * What one night of a schedule came to.
 *
 * @param shrunk disks
 * @param failed disks
 * @param reclaimedBytes given back to the host by all disks together
 */
public record NightSummary(NightEnded ended, int shrunk, int failed, long reclaimedBytes) {}
