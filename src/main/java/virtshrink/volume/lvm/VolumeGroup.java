package virtshrink.volume.lvm;

import java.util.List;
import java.util.Optional;

/**
 * A volume group as its text describes it; nothing in it contradicts anything else.
 *
 * @param seqno counts the changes
 * @param extentBytes size of an extent
 * @param leftAlone why nothing of it is touched, for all that is known of the group alone
 */
record VolumeGroup(
        String name,
        String uuid,
        long seqno,
        long extentBytes,
        Optional<String> leftAlone,
        List<PhysicalVolume> physicalVolumes,
        List<LogicalVolume> logicalVolumes) {

    /**
     * A physical volume.
     *
     * @param key its name in the text ({@code pv0})
     * @param deviceBytes size of its device when that was last looked at; 0 if not told
     * @param firstExtentBytes where its extents begin, from the start of the device
     * @param extents how many it has
     * @param missing whether it was away when the group was last changed
     */
    record PhysicalVolume(
            String key, String uuid, long deviceBytes, long firstExtentBytes, long extents, boolean missing) {}

    /**
     * A logical volume.
     *
     * @param visible whether people see it; the others are parts of something
     * @param obstacle why it is not looked into, for all that is known from its own section
     * @param segments in the order of their extents, without gaps
     */
    record LogicalVolume(String name, boolean visible, Optional<String> obstacle, List<LvSegment> segments) {
        long extents() {
            return segments.isEmpty()
                    ? 0
                    : segments.get(segments.size() - 1).startExtent()
                            + segments.get(segments.size() - 1).extentCount();
        }
    }
}
