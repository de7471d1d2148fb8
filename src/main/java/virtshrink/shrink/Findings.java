package virtshrink.shrink;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageRefusedException;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/** What a request says about single partitions, held against what is on the disk. */
final class Findings {
    private static final Set<String> NEVER_GIVEN_UP =
            Set.of("LVM2_member", "linux_raid_member", "zfs_member", "drbd", "bcache");

    private Findings() {}

    /**
     * @throws ImageRefusedException if a named device does not exist, or one whose content is to be given up must not be
     */
    static void requireNamed(DiskInspection inspection, ShrinkRequest request) throws ImageRefusedException {
        List<String> devices =
                inspection.filesystems().stream().map(FilesystemFinding::device).toList();
        Set<String> named = new LinkedHashSet<>(request.ignore());
        named.addAll(request.zero());
        for (String device : named) {
            if (!devices.contains(device)) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.CONTENT,
                        "there is no partition %s on this disk; there are: %s"
                                .formatted(device, String.join(", ", devices)));
            }
        }
        for (FilesystemFinding finding : inspection.filesystems()) {
            if (request.zero().contains(finding.device())) {
                Optional<String> objection = whyNotGivenUp(inspection, finding);
                if (objection.isPresent()) {
                    throw new ImageRefusedException(
                            ImageRefusedException.Kind.CONTENT,
                            "the content of %s is not given up: %s".formatted(finding.device(), objection.get()));
                }
            }
        }
    }

    private static Optional<String> whyNotGivenUp(DiskInspection inspection, FilesystemFinding finding) {
        if (inspection.partitionTable().equals("none") || finding.place().lengthBytes() == inspection.virtualBytes()) {
            return Optional.of("it is the whole disk, not a partition");
        }
        if (finding.onDisk().totalBytes() != finding.place().lengthBytes()) {
            return Optional.of("it is a logical volume that is not understood, or does not lie on this disk alone");
        }
        if (NEVER_GIVEN_UP.contains(finding.identity().type())) {
            return Optional.of("it is part of a volume that other devices may need ("
                    + finding.identity().type() + ")");
        }
        if (finding.state() instanceof FilesystemState.Dirty || finding.state() instanceof FilesystemState.Hibernated) {
            return Optional.of("it is in use (" + finding.state().reasonText() + ")");
        }
        return Optional.empty();
    }
}
