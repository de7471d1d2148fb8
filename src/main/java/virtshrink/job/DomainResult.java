package virtshrink.job;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import virtshrink.image.ImageFormat;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainDisk;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;

/**
 * What became of one domain.
 *
 * @param name as the user called it
 * @param ended how and why it ended before any disk; empty if the disks were looked at
 * @param notes what the user should know beside
 */
public record DomainResult(String name, Optional<Ended> ended, List<Disk> disks, List<String> notes) {
    public DomainResult {
        disks = List.copyOf(disks);
        notes = List.copyOf(notes);
    }

    /** One that ended before any disk was looked at. */
    public static DomainResult ended(String name, Outcome outcome, String reason) {
        return new DomainResult(name, Optional.of(new Ended(outcome, reason)), List.of(), List.of());
    }

    /** One outcome for the whole: the worst, or else the best. */
    public Outcome outcome() {
        List<Outcome> all = ended.map(end -> List.of(end.outcome()))
                .orElseGet(() ->
                        disks.stream().flatMap(disk -> disk.counted().stream()).toList());
        for (Outcome worst : List.of(Outcome.FAILED, Outcome.YIELDED, Outcome.REFUSED, Outcome.SHRUNK)) {
            if (all.contains(worst)) {
                return worst;
            }
        }
        return Outcome.NOTHING_TO_GAIN;
    }

    /** Why it ended before any disk; empty if it did not. */
    public String reason() {
        return ended.map(Ended::reason).orElse("");
    }

    /** An end without disks. */
    public record Ended(Outcome outcome, String reason) {}

    /** What became of one disk. */
    public sealed interface Disk {
        /** The guest's name of it. */
        String target();

        /** The outcome, unless it says nothing about the domain. */
        Optional<Outcome> counted();
    }

    /** A run, whatever its end. */
    public record Run(ShrinkReport report, ImageFormat format) implements Disk {
        @Override
        public String target() {
            return report.target().orElse("");
        }

        @Override
        public Optional<Outcome> counted() {
            return Optional.of(report.outcome());
        }
    }

    /**
     * A disk that was not even tried.
     *
     * @param device {@code disk}, {@code cdrom}, {@code floppy} or {@code lun}
     * @param image empty where the disk is no file
     * @param format as libvirt names it
     * @param size empty where it cannot be looked at
     */
    public record LeftAlone(
            String target, String device, Optional<Path> image, String format, Optional<FileSize> size, String reason)
            implements Disk {
        static LeftAlone of(DiskVerdict.Refused refused) {
            DomainDisk disk = refused.disk();
            return new LeftAlone(
                    disk.target(),
                    disk.device(),
                    disk.file(),
                    disk.formatName(),
                    disk.file().flatMap(HostFiles::sizeIfKnown),
                    refused.reason());
        }

        /** That a CD was not shrunk is nothing to tell a script. */
        @Override
        public Optional<Outcome> counted() {
            boolean removable = device.equals("cdrom") || device.equals("floppy");
            return removable ? Optional.empty() : Optional.of(Outcome.REFUSED);
        }
    }
}
