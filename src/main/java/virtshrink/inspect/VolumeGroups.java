package virtshrink.inspect;

import java.io.IOException;
import java.util.ArrayList;
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
    /** Sixteen bytes each. A free range of a striped volume is a range in each of its stripes. */
    private static final int MOST_RANGES = 1 << 19;

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
        this.layout = members.isEmpty() ? new LvmLayout(List.of(), List.of()) : LvmVolumes.read(sources);
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
        for (LvmLayout.LogicalVolume volume : layout.logicalVolumes()) {
            String device = "/dev/%s/%s".formatted(volume.group(), volume.name());
            Map<Integer, Long> firstBytes = firstBytes(volume);
            if (volume.leftAlone().isPresent()) {
                FilesystemState state = state(volume.leftAlone().get());
                for (Map.Entry<Integer, Long> first : firstBytes.entrySet()) {
                    FilesystemFinding finding = new FilesystemFinding(
                            device,
                            new ByteRange(first.getValue(), volume.lengthBytes()),
                            FilesystemIdentity.ofType(VolumeExaminer.UNKNOWN),
                            state,
                            RangeSet.empty(),
                            RangeSet.empty());
                    findings.get(first.getKey()).addLogicalVolume(finding, Optional.empty());
                }
                continue;
            }
            SegmentedBlockSource source = new SegmentedBlockSource(sources, volume.segments());
            int anyDisk = firstBytes.keySet().iterator().next();
            VolumeExaminer.Examination found =
                    examiner.examinePartition(source, disks.get(anyDisk).sectorBytes());
            for (Map.Entry<Integer, Long> first : firstBytes.entrySet()) {
                FilesystemFinding finding = finding(device, volume, first, source, found.report());
                findings.get(first.getKey()).addLogicalVolume(finding, Optional.of(source));
            }
            for (int disk : disksOf(volume.group())) {
                findings.get(disk).refuse(device, found);
            }
        }
    }

    private FilesystemFinding finding(
            String device,
            LvmLayout.LogicalVolume volume,
            Map.Entry<Integer, Long> first,
            SegmentedBlockSource source,
            FilesystemReport report) {
        int disk = first.getKey();
        RangeSet all = RangeSet.of(new ByteRange(0, source.sizeBytes()));
        RangeSet free = report.state() instanceof FilesystemState.FreeSpace space ? space.free() : RangeSet.empty();
        return new FilesystemFinding(
                device,
                new ByteRange(first.getValue(), volume.lengthBytes()),
                report.identity(),
                report.state(),
                onDisk(disk, source, all),
                onDisk(disk, source, free));
    }

    private RangeSet onDisk(int disk, SegmentedBlockSource source, RangeSet ranges) {
        RangeSet onDisk = RangeSet.empty();
        for (int member = 0; member < members.size(); member++) {
            if (members.get(member).disk() == disk) {
                onDisk = onDisk.union(source.inPart(member, ranges, MOST_RANGES).shift(startBytes(member)));
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
