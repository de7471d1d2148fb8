package virtshrink.inspect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.block.SegmentedBlockSource;
import virtshrink.block.StripedSegment;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.volume.lvm.LeftAlone;
import virtshrink.volume.lvm.LvmLayout;
import virtshrink.volume.lvm.LvmVolumes;

/** The LVM2 physical volumes on a guest's disks, and the logical volumes that they hold together. Not thread-safe. */
final class VolumeGroups {
    private static final String MEMBER = "LVM2_member";

    /** A physical volume: on which disk, and which of the volumes there. */
    private record Member(int disk, int volume) {}

    private final List<DiskScan> disks;
    private final List<Member> members = new ArrayList<>();
    private final List<BlockSource> sources = new ArrayList<>();
    private final LvmLayout layout;

    /** @throws IOException only if a disk cannot be read */
    VolumeGroups(List<DiskScan> disks) throws IOException {
        this.disks = disks;
        for (int disk = 0; disk < disks.size(); disk++) {
            List<ExaminedVolume> volumes = disks.get(disk).volumes();
            for (int volume = 0; volume < volumes.size(); volume++) {
                if (volumes.get(volume).examination().physicalVolume()) {
                    members.add(new Member(disk, volume));
                    sources.add(volumes.get(volume).source());
                }
            }
        }
        this.layout = members.isEmpty() ? new LvmLayout(List.of(), List.of()) : layout();
    }

    /** Physical volumes that can no longer be looked into stay what their labels say. */
    private LvmLayout layout() throws IOException {
        try {
            return LvmVolumes.read(sources);
        } catch (ReadBudget.ExhaustedException exhausted) {
            members.clear();
            sources.clear();
            return new LvmLayout(List.of(), List.of());
        }
    }

    /** The volumes of a disk, with what became known of the physical volumes among them. */
    List<ExaminedVolume> volumes(int disk) {
        List<ExaminedVolume> volumes = new ArrayList<>(disks.get(disk).volumes());
        for (int member = 0; member < members.size(); member++) {
            Member place = members.get(member);
            if (place.disk() == disk) {
                FilesystemReport report = report(layout.physicalVolumes().get(member));
                volumes.set(place.volume(), volumes.get(place.volume()).withReport(report));
            }
        }
        return volumes;
    }

    private static FilesystemReport report(LvmLayout.PhysicalVolume volume) {
        FilesystemIdentity identity =
                new FilesystemIdentity(MEMBER, "", volume.uuid(), volume.extentBytes(), volume.totalBytes());
        FilesystemState state = volume.leftAlone()
                .map(VolumeGroups::state)
                .orElseGet(() -> new FilesystemState.FreeSpace(volume.free().totalBytes(), volume.free()));
        return new FilesystemReport(identity, state);
    }

    private static FilesystemState state(LeftAlone leftAlone) {
        return leftAlone.corrupt()
                ? new FilesystemState.Corrupt(leftAlone.reason())
                : new FilesystemState.Unsupported(leftAlone.reason());
    }

    /**
     * Looks into every logical volume.
     *
     * @param findings one for each disk; what is found is added to those on which it lies
     */
    void examine(VolumeExaminer examiner, List<DiskFindings> findings) throws IOException {
        Map<String, RangeBudget> budgets = new HashMap<>();
        layout.logicalVolumes().forEach(volume -> budgets.put(volume.group(), new RangeBudget(0)));
        budgets.replaceAll((group, none) -> new RangeBudget(RangeBudget.MOST_RANGES / budgets.size()));
        for (LvmLayout.LogicalVolume volume : layout.logicalVolumes()) {
            if (volume.leftAlone().isPresent()) {
                addLeftAlone(volume, state(volume.leftAlone().get()), findings);
                continue;
            }
            SegmentedBlockSource source = new SegmentedBlockSource(sources, volume.segments());
            int anyDisk = firstBytes(volume).keySet().iterator().next();
            VolumeExaminer.Examination found = examiner.examinePartition(
                            source, disks.get(anyDisk).sectorBytes())
                    .within(budgets.getOrDefault(volume.group(), new RangeBudget(0)));
            addExamined(volume, source, found.report(), findings);
            for (int disk : disksOf(volume.group())) {
                findings.get(disk).refuse(device(volume), found);
            }
        }
    }

    private static boolean isInOnePiece(LvmLayout.LogicalVolume volume) {
        return volume.segments().size() == 1 && volume.segments().get(0).areas().size() == 1;
    }

    private void addLeftAlone(LvmLayout.LogicalVolume volume, FilesystemState state, List<DiskFindings> findings)
            throws IOException {
        for (Map.Entry<Integer, Long> first : firstBytes(volume).entrySet()) {
            FilesystemFinding finding = new FilesystemFinding(
                    device(volume),
                    new ByteRange(first.getValue(), volume.lengthBytes()),
                    FilesystemIdentity.ofType(VolumeExaminer.UNKNOWN),
                    state,
                    RangeSet.empty(),
                    RangeSet.empty());
            findings.get(first.getKey()).addLogicalVolume(finding, Optional.empty());
        }
    }

    private void addExamined(
            LvmLayout.LogicalVolume volume,
            SegmentedBlockSource source,
            FilesystemReport report,
            List<DiskFindings> findings)
            throws IOException {
        RangeSet all = RangeSet.of(new ByteRange(0, source.sizeBytes()));
        RangeSet free = report.state() instanceof FilesystemState.FreeSpace space ? space.free() : RangeSet.empty();
        // A free range of a striped volume is a range in each of its stripes.
        long stripes = volume.segments().stream()
                .flatMap(segment -> segment.areas().stream())
                .map(StripedSegment.Area::part)
                .distinct()
                .count();
        int most = (int) (RangeBudget.MOST_RANGES / stripes);
        List<RangeSet> allInMembers = source.inParts(all, most);
        List<RangeSet> freeInMembers = source.inParts(free, most);
        for (Map.Entry<Integer, Long> first : firstBytes(volume).entrySet()) {
            FilesystemFinding finding = new FilesystemFinding(
                    device(volume),
                    new ByteRange(first.getValue(), volume.lengthBytes()),
                    report.identity(),
                    report.state(),
                    onDisk(first.getKey(), allInMembers),
                    onDisk(first.getKey(), freeInMembers),
                    isInOnePiece(volume));
            findings.get(first.getKey()).addLogicalVolume(finding, Optional.of(source));
        }
    }

    private static String device(LvmLayout.LogicalVolume volume) {
        return "/dev/%s/%s".formatted(volume.group(), volume.name());
    }

    private RangeSet onDisk(int disk, List<RangeSet> inMembers) {
        RangeSet onDisk = RangeSet.empty();
        for (int member = 0; member < members.size(); member++) {
            if (members.get(member).disk() == disk) {
                onDisk = onDisk.union(inMembers.get(member).shift(startBytes(member)));
            }
        }
        return onDisk;
    }

    /** By disk: where the first bytes of a logical volume that lie on it are. */
    private Map<Integer, Long> firstBytes(LvmLayout.LogicalVolume volume) {
        Map<Integer, Long> first = new LinkedHashMap<>();
        for (StripedSegment.Area area : volume.firstAreas()) {
            first.putIfAbsent(members.get(area.part()).disk(), startBytes(area.part()) + area.startBytes());
        }
        return first;
    }

    private long startBytes(int member) {
        Member place = members.get(member);
        return disks.get(place.disk()).volumes().get(place.volume()).place().startBytes();
    }

    private Set<Integer> disksOf(String group) {
        Set<Integer> found = new TreeSet<>();
        for (int member = 0; member < members.size(); member++) {
            if (layout.physicalVolumes().get(member).group().equals(group)) {
                found.add(members.get(member).disk());
            }
        }
        return found;
    }
}
