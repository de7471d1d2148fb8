package virtshrink.volume.lvm;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.RangeSet;

/** The extents of one physical volume that belong to any logical volume, hidden ones included. Not thread-safe. */
final class AllocatedExtents {
    private record Run(long first, long count) {}

    private final List<Run> runs = new ArrayList<>();

    private AllocatedExtents() {}

    /** By the key of the physical volume; those without any are not among them. */
    static Map<String, AllocatedExtents> of(VolumeGroup group) {
        Set<String> physical = new HashSet<>();
        group.physicalVolumes().forEach(volume -> physical.add(volume.key()));
        Map<String, AllocatedExtents> allocated = new HashMap<>();
        for (VolumeGroup.LogicalVolume volume : group.logicalVolumes()) {
            for (LvSegment segment : volume.segments()) {
                add(allocated, physical, segment.areas(), segment.extentsPerArea());
            }
        }
        return allocated;
    }

    private static void add(
            Map<String, AllocatedExtents> allocated, Set<String> physical, List<LvSegment.Area> areas, long count) {
        for (LvSegment.Area area : areas) {
            if (physical.contains(area.name())) {
                allocated
                        .computeIfAbsent(area.name(), key -> new AllocatedExtents())
                        .runs
                        .add(new Run(area.extent(), count));
            }
        }
    }

    /** Whether an extent is taken twice, or does not exist. */
    Optional<String> contradiction(long extents) {
        runs.sort(Comparator.comparingLong(Run::first));
        long next = 0;
        for (Run run : runs) {
            if (run.first() < next) {
                return Optional.of("extent %d belongs to two segments".formatted(run.first()));
            }
            next = run.first() + run.count();
        }
        return next > extents
                ? Optional.of("extent %d of %d is in use".formatted(next - 1, extents))
                : Optional.empty();
    }

    /** In bytes from the start of the device. */
    RangeSet ranges(long firstExtentBytes, long extentBytes) {
        RangeSet.Builder ranges = RangeSet.builder();
        for (Run run : runs) {
            ranges.add(firstExtentBytes + run.first() * extentBytes, run.count() * extentBytes);
        }
        return ranges.build();
    }
}
