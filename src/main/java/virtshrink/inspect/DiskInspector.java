package virtshrink.inspect;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CachedBlockSource;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.ext.ExtReader;
import virtshrink.filesystem.swap.SwapReader;
import virtshrink.filesystem.xfs.XfsReader;
import virtshrink.volume.PartitionTables;
import virtshrink.volume.Volume;
import virtshrink.volume.VolumeLayout;

/** Finds the filesystems of a disk and what is free in them. Stateless apart from its readers; may be used from several threads. */
public final class DiskInspector {
    private final VolumeExaminer examiner;

    /** @param readers one for each format whose free space can be proven */
    public DiskInspector(List<FreeSpaceReader> readers) {
        this.examiner = new VolumeExaminer(readers);
    }

    /** With every reader that this program has. */
    public static DiskInspector standard() {
        return new DiskInspector(List.of(new ExtReader(), new XfsReader(), new SwapReader()));
    }

    /**
     * Inspects a disk; writes nothing.
     *
     * @param diskName as the guest's Linux calls it: {@code sda}, {@code vda}, {@code nvme0n1}
     * @param sectorBytes logical sector size of the guest's disk, 512 or 4096
     * @throws IOException only if the disk cannot be read
     */
    public DiskInspection inspect(BlockSource source, String diskName, int sectorBytes) throws IOException {
        BlockSource disk = new CachedBlockSource(source);
        VolumeLayout layout = PartitionTables.read(disk, sectorBytes);
        if (layout instanceof VolumeLayout.Refused refused) {
            return new DiskInspection(disk.sizeBytes(), layout.kind(), List.of(), Optional.of(refused.reason()));
        } else if (layout instanceof VolumeLayout.Table table) {
            return inspectTable(disk, diskName, table, sectorBytes);
        }
        return inspectBareDisk(disk, diskName);
    }

    private DiskInspection inspectTable(BlockSource disk, String diskName, VolumeLayout.Table table, int sectorBytes)
            throws IOException {
        List<ByteRange> places = table.volumes().stream().map(Volume::place).toList();
        Set<String> besides = examiner.recognise(new UncoveredSource(disk, places));
        if (table.volumes().isEmpty() && table.kind().equals("mbr") && !besides.isEmpty()) {
            // A boot sector without partitions lies in front of many a filesystem or LVM volume that has the disk to
            // itself.
            return inspectBareDisk(disk, diskName);
        }
        if (!besides.isEmpty()) {
            return new DiskInspection(
                    disk.sizeBytes(),
                    table.kind(),
                    List.of(),
                    Optional.of("the disk has a partition table and, outside of all partitions, a signature of "
                            + String.join(" and ", besides)));
        }
        Collector findings = new Collector(disk);
        for (Volume volume : table.volumes()) {
            String device = deviceName(diskName, volume.number());
            VolumeExaminer.Examination found = examiner.examinePartition(disk.slice(volume.place()), sectorBytes);
            findings.add(device, volume.place(), found, volume.purpose());
        }
        return findings.inspection(disk.sizeBytes(), table.kind());
    }

    private DiskInspection inspectBareDisk(BlockSource disk, String diskName) throws IOException {
        Collector findings = new Collector(disk);
        findings.add(diskName, new ByteRange(0, disk.sizeBytes()), examiner.examine(disk), Optional.empty());
        return findings.inspection(disk.sizeBytes(), "none");
    }

    /** {@code sda1}, but {@code nvme0n1p1}. */
    private static String deviceName(String diskName, int number) {
        boolean digit = !diskName.isEmpty() && Character.isDigit(diskName.charAt(diskName.length() - 1));
        return diskName + (digit ? "p" : "") + number;
    }

    /** Gathers findings, and what they mean for the whole disk. */
    private static final class Collector {
        private static final Set<String> NO_SYSTEM = Set.of("vfat", "exfat", "iso9660", "udf", "squashfs");
        private static final long EMPTY_BYTES = 1 << 20;

        private final BlockSource disk;
        private final List<FilesystemFinding> findings = new ArrayList<>();
        private final List<String> refusals = new ArrayList<>();
        private Optional<String> unclean = Optional.empty();
        private Optional<String> unproven = Optional.empty();

        Collector(BlockSource disk) {
            this.disk = disk;
        }

        void add(String device, ByteRange place, VolumeExaminer.Examination found, Optional<String> purpose)
                throws IOException {
            FilesystemReport report = found.report();
            FilesystemState state = report.state();
            if (report.identity().type().equals("unknown") && purpose.isPresent()) {
                state = new FilesystemState.Unsupported(purpose.get() + ", no filesystem");
            }
            if (state instanceof FilesystemState.Hibernated) {
                refusals.add(device + ": " + state.reasonText());
            }
            found.coversFreeBlocks()
                    .ifPresent(what -> refusals.add(device + ": " + what + " covers free blocks of this disk"));
            if (state instanceof FilesystemState.Dirty || state instanceof FilesystemState.Corrupt) {
                unclean = unclean.or(
                        () -> Optional.of(device + " is not clean, so the guest may be suspended and need this"));
            } else if (state instanceof FilesystemState.Unsupported
                    && purpose.isEmpty()
                    && mayHoldASystem(disk, place, report)) {
                unproven = unproven.or(() -> Optional.of(device + " ("
                        + report.identity().type() + ") cannot be read, so the guest may be suspended and need this"));
            }
            findings.add(new FilesystemFinding(device, place, report.identity(), state));
        }

        DiskInspection inspection(long virtualBytes, String kind) {
            Optional<String> refusal = refusals.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", refusals));
            DiskInspection inspection = new DiskInspection(virtualBytes, kind, findings, refusal);
            return unclean.or(() -> unproven).map(inspection::withSwapLeftAlone).orElse(inspection);
        }

        /** What no running system has its root or its hibernation file on says nothing about it. */
        private static boolean mayHoldASystem(BlockSource disk, ByteRange place, FilesystemReport report)
                throws IOException {
            if (report.identity().type().equals("unknown")) {
                return !startsEmpty(disk.slice(place));
            }
            return !NO_SYSTEM.contains(report.identity().type());
        }

        /** A partition that was never used: encryption without a header looks like noise. */
        private static boolean startsEmpty(BlockSource volume) throws IOException {
            ByteBuffer start = volume.read(0, (int) Math.min(EMPTY_BYTES, volume.sizeBytes()));
            while (start.hasRemaining()) {
                if (start.get() != 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
