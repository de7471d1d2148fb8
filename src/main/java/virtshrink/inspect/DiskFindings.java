package virtshrink.inspect;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.BlockSource;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

/** Gathers what is found on one disk, and what it means for all of it. Not thread-safe. */
final class DiskFindings {
    private static final Set<String> NO_SYSTEM = Set.of("vfat", "exfat", "iso9660", "udf", "squashfs");
    private static final long EMPTY_BYTES = 1 << 20;

    private final List<FilesystemFinding> partitions = new ArrayList<>();
    private final List<FilesystemFinding> logicalVolumes = new ArrayList<>();
    private final List<String> refusals = new ArrayList<>();
    private Optional<String> unclean = Optional.empty();
    private Optional<String> unproven = Optional.empty();

    /** A partition, or the disk itself. */
    void add(ExaminedVolume volume) throws IOException {
        FilesystemReport report = volume.examination().report();
        FilesystemState state = report.state();
        if (report.identity().type().equals(VolumeExaminer.UNKNOWN)
                && volume.purpose().isPresent()) {
            state = new FilesystemState.Unsupported(volume.purpose().get() + ", no filesystem");
        }
        FilesystemFinding finding = new FilesystemFinding(volume.device(), volume.place(), report.identity(), state);
        partitions.add(finding);
        doubt(finding, volume.purpose().isEmpty() && mayHoldASystem(finding, volume.source()));
        refuse(finding.device(), volume.examination());
    }

    /**
     * A logical volume, wholly or partly on this disk.
     *
     * @param source its content, where it is looked into
     */
    void addLogicalVolume(FilesystemFinding finding, Optional<BlockSource> source) throws IOException {
        logicalVolumes.add(finding);
        doubt(finding, source.isEmpty() || mayHoldASystem(finding, source.get()));
    }

    /** What forbids to touch any volume of this disk. */
    void refuse(String device, VolumeExaminer.Examination found) {
        FilesystemState state = found.report().state();
        if (state instanceof FilesystemState.Hibernated) {
            refusals.add(device + ": " + state.reasonText());
        }
        found.coversFreeBlocks()
                .ifPresent(what -> refusals.add(device + ": " + what + " covers free blocks of this disk"));
    }

    /**
     * Not all was looked at: it may be a hibernated guest, or a hash tree over what is free, so that nothing can be told of the rest.
     *
     * @param why what there was too much of
     */
    void giveUp(String why) {
        refusals.add(why + ", so nothing of it is touched");
        unproven = unproven.or(() -> Optional.of(why + ", so the guest may be suspended and need this"));
    }

    private void doubt(FilesystemFinding finding, boolean mayHoldASystem) {
        FilesystemState state = finding.state();
        boolean neverSuspendedInto =
                DiskInspection.NEVER_SUSPENDED_INTO.contains(finding.identity().type());
        if (state instanceof FilesystemState.Dirty && neverSuspendedInto) {
            return;
        }
        if (state instanceof FilesystemState.Dirty || state instanceof FilesystemState.Corrupt) {
            unclean = unclean.or(
                    () -> Optional.of(finding.device() + " is not clean, so the guest may be suspended and need this"));
        } else if (state instanceof FilesystemState.Unsupported unsupported
                && !unsupported.closed()
                && mayHoldASystem) {
            unproven = unproven.or(() -> Optional.of(finding.device() + " ("
                    + finding.identity().type() + ") cannot be read, so the guest may be suspended and need this"));
        }
    }

    DiskInspection inspection(DiskScan disk) {
        disk.refusal().ifPresent(refusals::add);
        List<FilesystemFinding> findings = new ArrayList<>(partitions);
        logicalVolumes.stream()
                .sorted(Comparator.comparingLong(finding -> finding.place().startBytes()))
                .forEach(findings::add);
        Optional<String> refusal = refusals.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", refusals));
        DiskInspection inspection = new DiskInspection(disk.sizeBytes(), disk.kind(), findings, refusal);
        Optional<String> hidden = inspection.anyReplayed() ? inspection.hidingPlace() : Optional.empty();
        return unclean.or(() -> unproven)
                .or(() -> hidden)
                .map(inspection::withSwapLeftAlone)
                .or(() -> inspection.unfinished().map(inspection::withUnmarkedLeftAlone))
                .orElse(inspection);
    }

    /** What no running system has its root or its hibernation file on says nothing about it. */
    private static boolean mayHoldASystem(FilesystemFinding finding, BlockSource volume) throws IOException {
        if (finding.identity().type().equals(VolumeExaminer.UNKNOWN)) {
            return !startsEmpty(volume);
        }
        return !NO_SYSTEM.contains(finding.identity().type());
    }

    /** A partition that was never used: encryption without a header looks like noise. */
    private static boolean startsEmpty(BlockSource volume) throws IOException {
        try {
            ByteBuffer start = volume.read(0, (int) Math.min(EMPTY_BYTES, volume.sizeBytes()));
            return start.mismatch(ByteBuffer.allocate(start.remaining())) < 0;
        } catch (ReadBudget.ExhaustedException notLookedAt) {
            return false;
        }
    }
}
