package virtshrink.inspect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import virtshrink.block.BlockSource;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.btrfs.BtrfsReader;
import virtshrink.filesystem.ext.ExtReader;
import virtshrink.filesystem.f2fs.F2fsReader;
import virtshrink.filesystem.fat.ExfatReader;
import virtshrink.filesystem.fat.FatReader;
import virtshrink.filesystem.ntfs.NtfsReader;
import virtshrink.filesystem.swap.SwapReader;
import virtshrink.filesystem.xfs.XfsReader;

/** Finds the filesystems of a disk and what is free in them. Stateless apart from its readers; may be used from several threads. */
public final class DiskInspector {
    private final VolumeExaminer examiner;
    private final Supplier<ReadBudget> newReadBudget;

    /** @param readers one for each format whose free space can be proven */
    public DiskInspector(List<FreeSpaceReader> readers) {
        this(readers, ClosedVolumes.NONE);
    }

    private DiskInspector(List<FreeSpaceReader> readers, ClosedVolumes closedVolumes) {
        this(readers, closedVolumes, () -> new ReadBudget(ReadBudget.MOST_BYTES, ReadBudget.LONGEST));
    }

    /** @param newReadBudget makes one for each inspection */
    DiskInspector(List<FreeSpaceReader> readers, ClosedVolumes closedVolumes, Supplier<ReadBudget> newReadBudget) {
        this.examiner = new VolumeExaminer(readers, closedVolumes);
        this.newReadBudget = newReadBudget;
    }

    /** With every reader that this program has. */
    public static DiskInspector standard() {
        return with(new ExtReader(), ClosedVolumes.NONE);
    }

    /**
     * The same, but what was not cleanly unmounted is read as it will be once its journal has been replayed, where that can be foretold. For a
     * guest that was powered off hard; that it was not suspended is for the caller to know, as far as the disks do not tell.
     */
    public static DiskInspector replayingJournals() {
        return with(ExtReader.replayingJournals(), ClosedVolumes.NONE);
    }

    /**
     * One that also finds out which of the filesystems without a reader were closed, so that they may be mounted.
     *
     * @param replaysJournals as {@link #replayingJournals}
     */
    public static DiskInspector asking(ClosedVolumes closedVolumes, boolean replaysJournals) {
        return with(replaysJournals ? ExtReader.replayingJournals() : new ExtReader(), closedVolumes);
    }

    private static DiskInspector with(ExtReader ext, ClosedVolumes closedVolumes) {
        return new DiskInspector(
                List.of(
                        ext,
                        new SwapReader(),
                        new FatReader(),
                        new ExfatReader(),
                        new F2fsReader(),
                        new BtrfsReader(),
                        new NtfsReader(),
                        new XfsReader()),
                closedVolumes);
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
     * Inspects disks of one guest together, so that what lies on several of them is found whole; writes nothing. An inspection that would take
     * too long is given up: disks that were not looked at as a whole are refused as a whole.
     *
     * @param disks each disk once, in any order
     * @return what lies on each disk, in the order of the disks; what lies on several is in the answer for each of them
     * @throws IOException only if one of the disks cannot be read
     */
    public List<DiskInspection> inspectTogether(List<GuestDisk> disks) throws IOException {
        ReadBudget reads = newReadBudget.get();
        List<DiskScan> scans = new ArrayList<>();
        // The first disk is the one that is worked on, where the others are only needed to understand it.
        RangeBudget budget = new RangeBudget(RangeBudget.MOST_RANGES);
        for (GuestDisk disk : disks) {
            scans.add(DiskScan.of(disk, examiner, budget, reads));
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
            reads.exhausted().ifPresent(findings.get(disk)::giveUp);
            inspections.add(findings.get(disk).inspection(scans.get(disk)));
        }
        return inspections;
    }
}
