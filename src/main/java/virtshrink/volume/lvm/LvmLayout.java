package virtshrink.volume.lvm;

import java.util.List;
import java.util.Optional;
import virtshrink.block.RangeSet;
import virtshrink.block.StripedSegment;

/**
 * What a set of physical volumes holds.
 *
 * @param physicalVolumes in the order in which they were given
 * @param logicalVolumes those that people see, of every volume group that could be understood; what they are built on is not among them
 */
public record LvmLayout(List<PhysicalVolume> physicalVolumes, List<LogicalVolume> logicalVolumes) {
    public LvmLayout {
        physicalVolumes = List.copyOf(physicalVolumes);
        logicalVolumes = List.copyOf(logicalVolumes);
    }

    /**
     * A physical volume.
     *
     * @param uuid in LVM's notation; empty if it could not be read
     * @param group name of its volume group; empty if it is of none that is known
     * @param extentBytes size of an extent; 0 if unknown
     * @param totalBytes size of the device as LVM knows it; 0 if unknown
     * @param free extents that belong to no logical volume, in bytes from the start of the physical volume; empty if it is left alone
     */
    public record PhysicalVolume(
            String uuid,
            String group,
            long extentBytes,
            long totalBytes,
            RangeSet free,
            Optional<LeftAlone> leftAlone) {}

    /**
     * A logical volume.
     *
     * @param lengthBytes its size
     * @param leftAlone why it is not looked into
     * @param segments where its bytes lie, the parts being the physical volumes in the order in which they were given; empty if it is left
     *     alone
     * @param firstAreas for each known physical volume that it lies on, directly or through what it is built on, where its first bytes there
     *     lie
     */
    public record LogicalVolume(
            String group,
            String name,
            long lengthBytes,
            Optional<LeftAlone> leftAlone,
            List<StripedSegment> segments,
            List<StripedSegment.Area> firstAreas) {
        public LogicalVolume {
            segments = List.copyOf(segments);
            firstAreas = List.copyOf(firstAreas);
        }
    }
}
