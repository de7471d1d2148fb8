package virtshrink.inspect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import virtshrink.block.BlockSource;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.btrfs.BtrfsReader;
import virtshrink.filesystem.ext.ExtReader;
import virtshrink.filesystem.fat.ExfatReader;
import virtshrink.filesystem.fat.FatReader;
import virtshrink.filesystem.ntfs.NtfsReader;
import virtshrink.filesystem.swap.SwapReader;

/** Finds the filesystems of a disk and what is free in them. Stateless apart from its readers; may be used from several threads. */
public final class DiskInspector {
    private final VolumeExaminer examiner;

    /** @param readers one for each format whose free space can be proven */
    public DiskInspector(List<FreeSpaceReader> readers) {
        this.examiner = new VolumeExaminer(readers);
    }

    /** With every reader that this program has. */
    public static DiskInspector standard() {
        return new DiskInspector(List.of(
                new ExtReader(),
                new SwapReader(),
                new FatReader(),
                new ExfatReader(),
                new BtrfsReader(),
                new NtfsReader()));
    }

    /**
     * Inspects a disk of which no other disk of its guest is known; writes nothing. What reaches to another disk is left alone.
     *
     * @param diskName as the guest's Linux calls it: {@code sda}, {@code vda}, {@code nvme0n1}
     * @param sectorBytes logical sector size of the guest's disk, 512 or 4096
     * @throws IOException only if the disk cannot be read
     */
    public DiskInspection inspect(BlockSource source, String diskName, int sectorBytes) throws IOException {
        return inspectTogether(List.of(new GuestDisk(source, diskName, sectorBytes)))
                .get(0);
    }

    /**
     * Inspects disks of one guest together, so that what lies on several of them is found whole; writes nothing.
     *
     * @param disks each disk once, in any order
     * @return what lies on each disk, in the order of the disks; what lies on several is in the answer for each of them
     * @throws IOException only if one of the disks cannot be read
     */
    public List<DiskInspection> inspectTogether(List<GuestDisk> disks) throws IOException {
        List<DiskScan> scans = new ArrayList<>();
        for (GuestDisk disk : disks) {
            scans.add(DiskScan.of(disk, examiner));
        }
        VolumeGroups groups = new VolumeGroups(scans);
        List<DiskFindings> findings = new ArrayList<>();
        for (int disk = 0; disk < scans.size(); disk++) {
            DiskFindings found = new DiskFindings();
            for (ExaminedVolume volume : groups.volumes(disk)) {
                found.add(volume);
            }
            findings.add(found);
        }
        groups.examine(examiner, findings);
        List<DiskInspection> inspections = new ArrayList<>();
        for (int disk = 0; disk < scans.size(); disk++) {
            inspections.add(findings.get(disk).inspection(scans.get(disk)));
        }
        return inspections;
    }
}
