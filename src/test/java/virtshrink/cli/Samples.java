package virtshrink.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.libvirt.DiskSource;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainState;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.StatedBacking;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;
import virtshrink.shrink.ShrinkRequest;

/** Invented disks and domains. */
final class Samples {
    static final long GIB = 1L << 30;
    static final FileSize MOST = new FileSize(20 * GIB, 10 * GIB);
    static final FileSize SOME = new FileSize(2 * GIB, 2 * GIB);
    static final Map<Phase, Duration> PHASES = phases();

    private Samples() {}

    private static Map<Phase, Duration> phases() {
        Map<Phase, Duration> phases = new EnumMap<>(Phase.class);
        phases.put(Phase.INSPECT, Duration.ofMillis(20));
        phases.put(Phase.REBUILD, Duration.ofMillis(1234));
        phases.put(Phase.VERIFY, Duration.ofMillis(446));
        return phases;
    }

    /** An ext4 root with free space, a swap, a dirty home. */
    static DiskInspection disk() {
        return new DiskInspection(
                20 * GIB,
                "gpt",
                List.of(
                        new FilesystemFinding(
                                "sda1",
                                new ByteRange(1 << 20, 16 * GIB),
                                new FilesystemIdentity("ext4", "root", "1234-abcd", 4096, 16 * GIB),
                                new FilesystemState.FreeSpace(9 * GIB, RangeSet.of(new ByteRange(GIB, 9 * GIB)))),
                        new FilesystemFinding(
                                "sda2",
                                new ByteRange((1 << 20) + 16 * GIB, GIB),
                                FilesystemIdentity.ofType("swap"),
                                new FilesystemState.Unsupported("swap is left alone")),
                        new FilesystemFinding(
                                "sda3",
                                new ByteRange((1 << 20) + 17 * GIB, 2 * GIB),
                                new FilesystemIdentity("ext4", "home", "", 4096, 2 * GIB),
                                new FilesystemState.Dirty("its journal needs recovery"))),
                Optional.empty());
    }

    static ShrinkReport report(ShrinkRequest request, FileSize before, FileSize after, Outcome outcome, String reason) {
        return new ShrinkReport(
                request.image(),
                request.target(),
                before,
                after,
                8 * GIB,
                outcome,
                reason,
                PHASES,
                Optional.of(disk()),
                List.of(new FilesystemGain("sda1", 8 * GIB)),
                List.of());
    }

    static DomainVerdict domain(String name, DiskVerdict... disks) {
        return new DomainVerdict(record(name, DomainState.SHUT_OFF), Optional.empty(), List.of(disks), List.of());
    }

    static DomainVerdict refusedDomain(String name, String reason, DomainDisk... disks) {
        return new DomainVerdict(
                record(name, DomainState.RUNNING),
                Optional.of(reason),
                List.of(disks).stream()
                        .<DiskVerdict>map(disk -> new DiskVerdict.Refused(disk, reason))
                        .toList(),
                List.of());
    }

    static DiskVerdict eligible(String target, Path image) {
        ShrinkRequest request = ShrinkRequest.of(image, ImageFormat.QCOW2)
                .changed()
                .target(Optional.of(target))
                .build();
        return new DiskVerdict.Eligible(disk(target, "disk", image), request, List.of());
    }

    static DomainDisk disk(String target, String device, Path image) {
        return new DomainDisk(
                target,
                device,
                new DiskSource.ImageFile(image),
                new DomainDisk.Location.Found(image),
                Optional.of("qcow2"),
                List.of(),
                Optional.empty(),
                512,
                new StatedBacking.Unstated(),
                List.of());
    }

    private static DomainRecord record(String name, DomainState state) {
        return new DomainRecord(
                name,
                new UUID(0, name.hashCode()),
                Optional.empty(),
                state,
                Optional.empty(),
                false,
                0,
                0,
                true,
                "<domain/>",
                List.of(),
                List.of());
    }
}
