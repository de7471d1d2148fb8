package virtshrink.volume.lvm;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.StripedSegment;

/** The logical volumes of a group that is understood: where they lie, and which of them are left alone. */
final class LogicalVolumes {
    private static final String SNAPSHOT = " of type snapshot";
    private static final int MOST_STEPS = 2_000_000;

    private final VolumeGroup group;
    /** By its key in the text: which of the given physical volumes it is. */
    private final Map<String, Integer> present;

    private final Map<String, VolumeGroup.PhysicalVolume> physical = new HashMap<>();
    private final Map<String, VolumeGroup.LogicalVolume> logical = new HashMap<>();
    /** What is built on the logical volume of this name. */
    private final Map<String, String> users = new HashMap<>();

    /** What is written into a snapshot is kept in these: people see them as the snapshot itself. */
    private final Set<String> snapshotStores = new HashSet<>();

    private int steps;

    LogicalVolumes(VolumeGroup group, Map<String, Integer> present) {
        this.group = group;
        this.present = present;
        group.physicalVolumes().forEach(volume -> physical.put(volume.key(), volume));
        group.logicalVolumes().forEach(volume -> logical.put(volume.name(), volume));
        for (VolumeGroup.LogicalVolume volume : group.logicalVolumes()) {
            for (LvSegment segment : volume.segments()) {
                String type = segment instanceof LvSegment.Other other ? " of type " + other.type() : "";
                segment.names().forEach(name -> users.putIfAbsent(name, volume.name() + type));
                if (type.equals(SNAPSHOT)) {
                    snapshotStores.addAll(segment.names());
                }
            }
        }
    }

    List<LvmLayout.LogicalVolume> all() {
        List<LvmLayout.LogicalVolume> all = new ArrayList<>();
        for (VolumeGroup.LogicalVolume volume : group.logicalVolumes()) {
            if (volume.visible() || snapshotStores.contains(volume.name())) {
                all.add(answer(volume));
            }
        }
        return all;
    }

    private LvmLayout.LogicalVolume answer(VolumeGroup.LogicalVolume volume) {
        Optional<String> obstacle = obstacle(volume);
        List<StripedSegment> segments = new ArrayList<>();
        if (obstacle.isEmpty()) {
            for (LvSegment segment : volume.segments()) {
                if (segment instanceof LvSegment.Striped striped) {
                    segments.add(place(striped));
                }
            }
        }
        return new LvmLayout.LogicalVolume(
                group.name(),
                volume.name(),
                volume.extents() * group.extentBytes(),
                obstacle.map(reason -> new LeftAlone(false, reason)),
                segments,
                firstAreas(volume));
    }

    private Optional<String> obstacle(VolumeGroup.LogicalVolume volume) {
        if (volume.obstacle().isPresent()) {
            return volume.obstacle();
        }
        String user = users.get(volume.name());
        if (user != null) {
            return Optional.of("another logical volume is built on it: " + user);
        }
        for (LvSegment segment : volume.segments()) {
            Optional<String> obstacle = obstacle(segment);
            if (obstacle.isPresent()) {
                return obstacle;
            }
        }
        return Optional.empty();
    }

    private Optional<String> obstacle(LvSegment segment) {
        if (!(segment instanceof LvSegment.Striped striped)) {
            String type = segment instanceof LvSegment.Other other ? other.type() : "";
            return Optional.of("logical volume of type %s is not supported".formatted(type));
        }
        long stripeBytes = striped.stripeSectors() * PvHeader.SECTOR_BYTES;
        if (striped.areas().size() > 1 && striped.extentsPerArea() * group.extentBytes() % stripeBytes != 0) {
            return Optional.of("stripes of %d bytes in extents of %d".formatted(stripeBytes, group.extentBytes()));
        }
        for (LvSegment.Area area : striped.areas()) {
            VolumeGroup.PhysicalVolume volume = physical.get(area.name());
            if (volume == null) {
                return Optional.of("it is built on another logical volume: " + area.name());
            } else if (volume.missing()) {
                return Optional.of(
                        "it reaches to a physical volume that the volume group takes for missing: " + volume.uuid());
            } else if (!present.containsKey(area.name())) {
                return Optional.of(
                        "it reaches to another disk: the physical volume %s is on none that was looked at; all image files of a domain are looked at together by: virt-shrink domain"
                                .formatted(volume.uuid()));
            }
        }
        return Optional.empty();
    }

    private StripedSegment place(LvSegment.Striped striped) {
        long lengthBytes = striped.extentCount() * group.extentBytes();
        List<StripedSegment.Area> areas = new ArrayList<>();
        striped.areas().forEach(area -> place(area).ifPresent(areas::add));
        return new StripedSegment(
                striped.startExtent() * group.extentBytes(),
                lengthBytes,
                areas.size() == 1 ? lengthBytes : striped.stripeSectors() * PvHeader.SECTOR_BYTES,
                areas);
    }

    private Optional<StripedSegment.Area> place(LvSegment.Area area) {
        VolumeGroup.PhysicalVolume volume = physical.get(area.name());
        Integer member = present.get(area.name());
        if (volume == null || member == null) {
            return Optional.empty();
        }
        return Optional.of(
                new StripedSegment.Area(member, volume.firstExtentBytes() + area.extent() * group.extentBytes()));
    }

    /** By physical volume. Through everything it is built on, each once: the text may say that two are built on one another. */
    private List<StripedSegment.Area> firstAreas(VolumeGroup.LogicalVolume volume) {
        Map<Integer, StripedSegment.Area> first = new LinkedHashMap<>();
        Set<String> seen = new HashSet<>(Set.of(volume.name()));
        Deque<VolumeGroup.LogicalVolume> next = new ArrayDeque<>(List.of(volume));
        while (!next.isEmpty()) {
            for (LvSegment segment : next.remove().segments()) {
                segment.areas().forEach(area -> place(area).ifPresent(found -> first.putIfAbsent(found.part(), found)));
                for (String name : segment.names()) {
                    VolumeGroup.LogicalVolume below = logical.get(name);
                    if (below != null && seen.add(name)) {
                        next.add(below);
                    }
                }
                steps += 1 + segment.names().size();
            }
            if (steps > MOST_STEPS) {
                return everywhere();
            }
        }
        return List.copyOf(first.values());
    }

    /** What is too entangled to be told apart may lie on all of them. */
    private List<StripedSegment.Area> everywhere() {
        return physical.values().stream()
                .map(volume -> place(new LvSegment.Area(volume.key(), 0)))
                .flatMap(Optional::stream)
                .toList();
    }
}
