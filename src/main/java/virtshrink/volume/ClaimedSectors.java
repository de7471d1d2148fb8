package virtshrink.volume;

import java.util.Map;
import java.util.TreeMap;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;

/** Ranges that belong to somebody, each to one only. */
final class ClaimedSectors {
    private final TreeMap<Long, Claim> byStart = new TreeMap<>();

    private record Claim(ByteRange place, String owner) {}

    /** @throws CorruptStructureException if a part of the range is already claimed */
    void claim(ByteRange place, String owner) {
        refuseOverlap(byStart.lowerEntry(place.endBytes()), place, owner);
        byStart.put(place.startBytes(), new Claim(place, owner));
    }

    // Claims are disjoint, so the one that starts last before the new end also ends last of all that could overlap.
    private static void refuseOverlap(Map.Entry<Long, Claim> nearest, ByteRange place, String owner) {
        if (nearest != null && nearest.getValue().place().overlaps(place)) {
            throw new CorruptStructureException(
                    "partition table",
                    place.startBytes(),
                    owner + " overlaps " + nearest.getValue().owner());
        }
    }
}
