package virtshrink.volume.lvm;

import java.util.List;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;

/**
 * What one physical volume says of itself and of its volume group.
 *
 * @param header absent if its label cannot be believed
 * @param groups what is in its metadata areas that are in use, one for each
 * @param hasEmptyArea whether a metadata area is in use and holds no text yet
 * @param problem why what it says cannot be believed
 */
record LvmMember(
        BlockSource volume,
        Optional<PvHeader> header,
        List<VolumeGroup> groups,
        boolean hasEmptyArea,
        Optional<LeftAlone> problem) {
    LvmMember {
        groups = List.copyOf(groups);
    }

    boolean holds(VolumeGroup group) {
        return groups.stream().anyMatch(held -> held.uuid().equals(group.uuid()));
    }

    /** What a volume group says of this physical volume, held against what it says itself. */
    Optional<LeftAlone> contradiction(VolumeGroup.PhysicalVolume told, long extentBytes) {
        if (header.isEmpty()) {
            return Optional.empty();
        }
        PvHeader own = header.get();
        if (hasEmptyArea) {
            return LeftAlone.corrupt("a metadata area of the physical volume %s is empty".formatted(told.uuid()));
        }
        ByteRange data = new ByteRange(told.firstExtentBytes(), told.extents() * extentBytes);
        if (Math.max(data.endBytes(), told.deviceBytes()) > volume.sizeBytes()) {
            return LeftAlone.corrupt("the physical volume %s of %d bytes is larger than its partition or disk of %d"
                    .formatted(told.uuid(), Math.max(data.endBytes(), told.deviceBytes()), volume.sizeBytes()));
        }
        if (own.dataAreas().size() != 1 || own.dataAreas().get(0).startBytes() != data.startBytes()) {
            return LeftAlone.corrupt("label and metadata of the physical volume %s disagree where its extents begin"
                    .formatted(told.uuid()));
        }
        if (own.reserved().stream().anyMatch(data::overlaps)) {
            return LeftAlone.corrupt(
                    "extents of the physical volume %s lie in its own metadata".formatted(told.uuid()));
        }
        return Optional.empty();
    }
}
