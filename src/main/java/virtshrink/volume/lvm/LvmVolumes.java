package virtshrink.volume.lvm;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/**
 * Puts volume groups together from the physical volumes that are known.
 *
 * <p>A group is understood if every metadata area in use, on every physical volume of it that is known, holds the same text in the same
 * version, no change is under way, and nothing else claims its name or one of its physical volumes. A group of which physical volumes are not
 * known is understood as far as the known ones go.
 */
public final class LvmVolumes {
    private final List<LvmMember> members;
    /** By identifier of the group: every version of it. */
    private final Map<String, Set<VolumeGroup>> told = new LinkedHashMap<>();
    /** By identifier of a physical volume: which of the members it is. */
    private final Map<String, List<Integer>> places = new HashMap<>();
    /** By identifier of a physical volume: which groups say it is theirs. */
    private final Map<String, Set<String>> claims = new HashMap<>();

    private LvmVolumes(List<LvmMember> members) {
        this.members = members;
        // The same text was parsed once only.
        Set<VolumeGroup> groups = Collections.newSetFromMap(new IdentityHashMap<>());
        for (int index = 0; index < members.size(); index++) {
            int place = index;
            LvmMember member = members.get(index);
            member.header()
                    .ifPresent(header -> places.computeIfAbsent(header.uuid(), uuid -> new ArrayList<>())
                            .add(place));
            member.groups().stream().filter(groups::add).forEach(this::tell);
        }
    }

    private void tell(VolumeGroup group) {
        told.computeIfAbsent(group.uuid(), uuid -> Collections.newSetFromMap(new IdentityHashMap<>()))
                .add(group);
        for (VolumeGroup.PhysicalVolume volume : group.physicalVolumes()) {
            claims.computeIfAbsent(volume.uuid(), uuid -> new HashSet<>()).add(group.uuid());
        }
    }

    /**
     * Reads the metadata of physical volumes, all together. Bounded in time and memory on any content; writes nothing.
     *
     * @param volumes partitions or disks that carry the label of LVM2
     * @throws IOException only if one of them cannot be read
     */
    public static LvmLayout read(List<BlockSource> volumes) throws IOException {
        MemberReader reader = new MemberReader();
        List<LvmMember> members = new ArrayList<>();
        for (BlockSource volume : volumes) {
            members.add(reader.read(volume));
        }
        return new LvmVolumes(members).layout();
    }

    private LvmLayout layout() {
        Map<Integer, LvmLayout.PhysicalVolume> physical = new HashMap<>();
        List<LvmLayout.LogicalVolume> logical = new ArrayList<>();
        for (Set<VolumeGroup> versions : told.values()) {
            VolumeGroup newest = newest(versions);
            Optional<LeftAlone> problem = problemOf(newest, versions);
            Map<String, Integer> present = present(newest);
            Map<String, AllocatedExtents> allocated = AllocatedExtents.of(newest);
            for (VolumeGroup.PhysicalVolume volume : newest.physicalVolumes()) {
                for (int member : places.getOrDefault(volume.uuid(), List.of())) {
                    physical.put(member, answer(newest, volume, allocated, problem));
                }
            }
            if (problem.isEmpty()) {
                logical.addAll(new LogicalVolumes(newest, present).all());
            }
        }
        List<LvmLayout.PhysicalVolume> answers = new ArrayList<>();
        for (int member = 0; member < members.size(); member++) {
            LvmLayout.PhysicalVolume answer = physical.get(member);
            answers.add(answer == null ? withoutGroup(members.get(member)) : answer);
        }
        return new LvmLayout(answers, logical);
    }

    private static VolumeGroup newest(Collection<VolumeGroup> versions) {
        VolumeGroup newest = versions.iterator().next();
        for (VolumeGroup version : versions) {
            newest = version.seqno() > newest.seqno() ? version : newest;
        }
        return newest;
    }

    private static LvmLayout.PhysicalVolume answer(
            VolumeGroup group,
            VolumeGroup.PhysicalVolume volume,
            Map<String, AllocatedExtents> allocated,
            Optional<LeftAlone> problem) {
        Optional<LeftAlone> leftAlone = problem;
        RangeSet free = RangeSet.empty();
        if (problem.isEmpty() && volume.missing()) {
            leftAlone = LeftAlone.unsupported(
                    "the volume group %s takes this physical volume for missing".formatted(group.name()));
        } else if (problem.isEmpty()) {
            ByteRange all = new ByteRange(volume.firstExtentBytes(), volume.extents() * group.extentBytes());
            AllocatedExtents used = allocated.get(volume.key());
            free = RangeSet.of(all)
                    .subtract(
                            used == null
                                    ? RangeSet.empty()
                                    : used.ranges(volume.firstExtentBytes(), group.extentBytes()));
        }
        return new LvmLayout.PhysicalVolume(
                volume.uuid(), group.name(), group.extentBytes(), volume.deviceBytes(), free, leftAlone);
    }

    private static LvmLayout.PhysicalVolume withoutGroup(LvmMember member) {
        String uuid = member.header().map(PvHeader::uuid).orElse("");
        Optional<LeftAlone> reason =
                member.problem().or(() -> LeftAlone.unsupported("physical volume of no volume group that is known"));
        return new LvmLayout.PhysicalVolume(uuid, "", 0, 0, RangeSet.empty(), reason);
    }

    /** The physical volumes of a group that are there and in order, by their key in its text. */
    private Map<String, Integer> present(VolumeGroup group) {
        Map<String, Integer> present = new HashMap<>();
        for (VolumeGroup.PhysicalVolume volume : group.physicalVolumes()) {
            if (!volume.missing()) {
                places.getOrDefault(volume.uuid(), List.of()).forEach(member -> present.put(volume.key(), member));
            }
        }
        return present;
    }

    private Optional<LeftAlone> problemOf(VolumeGroup group, Collection<VolumeGroup> versions) {
        for (VolumeGroup version : versions) {
            if (!version.equals(group)) {
                return LeftAlone.unsupported("copies of the metadata of the volume group %s differ (versions %d and %d)"
                        .formatted(group.name(), version.seqno(), group.seqno()));
            }
        }
        for (Set<VolumeGroup> others : told.values()) {
            VolumeGroup other = newest(others);
            if (!other.uuid().equals(group.uuid()) && other.name().equals(group.name())) {
                return LeftAlone.unsupported("two volume groups have the name " + group.name());
            }
        }
        for (VolumeGroup.PhysicalVolume volume : group.physicalVolumes()) {
            Optional<LeftAlone> problem = problemOf(group, volume);
            if (problem.isPresent()) {
                return problem;
            }
        }
        for (LvmMember member : members) {
            if (member.holds(group) && !isOf(group, member)) {
                return LeftAlone.unsupported(
                        "a physical volume holds metadata of the volume group %s and is not part of it"
                                .formatted(group.name()));
            }
        }
        return group.leftAlone().map(reason -> new LeftAlone(false, reason));
    }

    private Optional<LeftAlone> problemOf(VolumeGroup group, VolumeGroup.PhysicalVolume volume) {
        List<Integer> found = places.getOrDefault(volume.uuid(), List.of());
        if (found.size() > 1) {
            return LeftAlone.unsupported(
                    "the physical volume %s is there twice, as on a cloned disk".formatted(volume.uuid()));
        } else if (claims.getOrDefault(volume.uuid(), Set.of()).size() > 1) {
            return LeftAlone.unsupported("two volume groups claim the physical volume " + volume.uuid());
        } else if (found.isEmpty()) {
            return Optional.empty();
        }
        LvmMember member = members.get(found.get(0));
        if (member.groups().stream().anyMatch(held -> !held.uuid().equals(group.uuid()))) {
            return LeftAlone.unsupported(
                    "the physical volume %s holds metadata of two volume groups".formatted(volume.uuid()));
        }
        return member.problem().or(() -> member.contradiction(volume, group.extentBytes()));
    }

    private boolean isOf(VolumeGroup group, LvmMember member) {
        return member.header().isPresent()
                && claims.getOrDefault(member.header().get().uuid(), Set.of()).contains(group.uuid());
    }
}
