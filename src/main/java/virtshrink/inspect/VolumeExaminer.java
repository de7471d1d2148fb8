package virtshrink.inspect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.closed.ClosedMark;
import virtshrink.filesystem.signature.FoundSignature;
import virtshrink.filesystem.signature.Signatures;
import virtshrink.volume.PartitionTables;
import virtshrink.volume.VolumeLayout;

/** Asks everyone who might know a volume; only a single answer is believed. */
final class VolumeExaminer {
    static final String UNKNOWN = "unknown";

    private final List<FreeSpaceReader> readers;
    private final ClosedVolumes closedVolumes;

    VolumeExaminer(List<FreeSpaceReader> readers, ClosedVolumes closedVolumes) {
        this.readers = List.copyOf(readers);
        this.closedVolumes = closedVolumes;
    }

    /**
     * @param physicalVolume whether it is an LVM2 physical volume, and nothing else
     * @param coversFreeBlocks what was found that holds checksums over free blocks of any volume of this disk
     */
    record Examination(FilesystemReport report, Optional<String> coversFreeBlocks, boolean physicalVolume) {
        Examination within(RangeBudget budget) {
            return new Examination(budget.within(report), coversFreeBlocks, physicalVolume);
        }
    }

    /** What a volume holds; that it was not looked at, if the disk's {@link ReadBudget} is exhausted. */
    Examination examine(BlockSource volume) throws IOException {
        try {
            return look(volume);
        } catch (ReadBudget.ExhaustedException exhausted) {
            return notLookedAt(exhausted);
        }
    }

    private static Examination notLookedAt(ReadBudget.ExhaustedException exhausted) {
        FilesystemState state = new FilesystemState.Unsupported("not looked at: " + exhausted.getMessage());
        return new Examination(
                new FilesystemReport(FilesystemIdentity.ofType(UNKNOWN), state), Optional.empty(), false);
    }

    private Examination look(BlockSource volume) throws IOException {
        List<FilesystemReport> reports = new ArrayList<>();
        for (FreeSpaceReader reader : readers) {
            if (reader.recognises(volume)) {
                reports.add(checked(read(reader, volume), volume));
            }
        }
        List<FoundSignature> signatures = Signatures.find(volume);
        Optional<String> verity = signatures.stream()
                .filter(FoundSignature::coversFreeBlocks)
                .map(FoundSignature::title)
                .findFirst();
        List<FilesystemIdentity> identities = new ArrayList<>();
        reports.forEach(report -> identities.add(report.identity()));
        signatures.forEach(signature -> identities.add(signature.identity()));
        for (FilesystemIdentity identity : identities) {
            if (verity.isEmpty() && Signatures.hasVerityBehind(volume, identity.totalBytes())) {
                verity = Optional.of("dm-verity hash tree behind " + identity.type());
            }
        }
        boolean physicalVolume = reports.isEmpty()
                && signatures.size() == 1
                && signatures.get(0).identity().type().equals("LVM2_member");
        return new Examination(marked(single(reports, signatures), identities, volume), verity, physicalVolume);
    }

    /** What no reader supports may still say that it was closed, or that it was not. */
    private FilesystemReport marked(FilesystemReport report, List<FilesystemIdentity> identities, BlockSource volume)
            throws IOException {
        boolean alone =
                identities.stream().map(FilesystemIdentity::type).distinct().count() == 1;
        if (!alone || !(report.state() instanceof FilesystemState.Unsupported unsupported)) {
            return report;
        }
        Optional<ClosedMark> mark = closedVolumes.markOf(report.identity().type(), volume);
        if (mark.isEmpty()) {
            return report;
        } else if (mark.get() instanceof ClosedMark.Open open) {
            return new FilesystemReport(report.identity(), new FilesystemState.Dirty(open.reason()));
        } else if (mark.get() instanceof ClosedMark.Unusable unusable) {
            return new FilesystemReport(report.identity(), new FilesystemState.Unsupported(unusable.reason()));
        }
        return new FilesystemReport(report.identity(), new FilesystemState.Unsupported(unsupported.reason(), true));
    }

    /**
     * A partition: what a whole disk may hold and a partition should not makes it ambiguous too.
     *
     * @param sectorBytes of the disk
     */
    Examination examinePartition(BlockSource volume, int sectorBytes) throws IOException {
        try {
            return lookAtPartition(volume, sectorBytes);
        } catch (ReadBudget.ExhaustedException exhausted) {
            return notLookedAt(exhausted);
        }
    }

    private Examination lookAtPartition(BlockSource volume, int sectorBytes) throws IOException {
        Examination found = look(volume);
        boolean known = !found.report().identity().type().equals(UNKNOWN);
        VolumeLayout nested = PartitionTables.read(volume, sectorBytes);
        boolean table = nested instanceof VolumeLayout.Refused
                || (nested instanceof VolumeLayout.Table inner
                        && !inner.volumes().isEmpty());
        if (!known || !table || found.report().state() instanceof FilesystemState.Hibernated) {
            return found;
        }
        // A partition given to a guest of the guest, with the superblock of an earlier life in its gap.
        FilesystemState state = new FilesystemState.Unsupported(
                "ambiguous: signatures of " + found.report().identity().type() + " and a partition table of its own");
        return new Examination(new FilesystemReport(found.report().identity(), state), found.coversFreeBlocks(), false);
    }

    /** Names of everything that is recognised, without reading further. */
    Set<String> recognise(BlockSource volume) throws IOException {
        Set<String> types = new LinkedHashSet<>();
        for (FreeSpaceReader reader : readers) {
            if (reader.recognises(volume)) {
                types.add(read(reader, volume).identity().type());
            }
        }
        Signatures.find(volume)
                .forEach(signature -> types.add(signature.identity().type()));
        return types;
    }

    private static FilesystemReport single(List<FilesystemReport> reports, List<FoundSignature> signatures) {
        Set<String> types = new LinkedHashSet<>();
        reports.forEach(report -> types.add(report.identity().type()));
        signatures.forEach(signature -> types.add(signature.identity().type()));
        for (FilesystemReport report : reports) {
            // Hibernation concerns the whole disk; that another signature is present too makes it no better.
            if (types.size() == 1 || report.state() instanceof FilesystemState.Hibernated) {
                return report;
            }
        }
        if (types.isEmpty()) {
            return new FilesystemReport(
                    FilesystemIdentity.ofType(UNKNOWN), new FilesystemState.Unsupported("no known filesystem"));
        }
        FilesystemIdentity first = reports.isEmpty()
                ? signatures.get(0).identity()
                : reports.get(0).identity();
        return new FilesystemReport(
                first,
                new FilesystemState.Unsupported(
                        types.size() > 1
                                ? "ambiguous: signatures of " + String.join(" and ", types)
                                : signatures.get(0).title() + " is not supported"));
    }

    private static FilesystemReport read(FreeSpaceReader reader, BlockSource volume) throws IOException {
        try {
            return reader.read(volume);
        } catch (CorruptStructureException broken) {
            return new FilesystemReport(
                    FilesystemIdentity.ofType(UNKNOWN),
                    new FilesystemState.Corrupt(Objects.requireNonNull(broken.getMessage())));
        }
    }

    /** No reader may free what is not in its volume, whatever it read. */
    private static FilesystemReport checked(FilesystemReport report, BlockSource volume) {
        if (report.state() instanceof FilesystemState.FreeSpace space) {
            long endBytes = space.free().isEmpty()
                    ? 0
                    : space.free().get(space.free().size() - 1).endBytes();
            long needed = Math.max(endBytes, report.identity().totalBytes());
            if (needed > volume.sizeBytes()) {
                return new FilesystemReport(
                        report.identity(),
                        new FilesystemState.Corrupt(
                                "filesystem of %d bytes in a volume of %d".formatted(needed, volume.sizeBytes())));
            }
        }
        return report;
    }
}
