package virtshrink.cli;

import java.util.List;
import java.util.Optional;
import virtshrink.image.ImageFormat;
import virtshrink.libvirt.DomainDisk;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;

/**
 * What became of one domain.
 *
 * @param name as the user called it
 * @param ended how and why it ended before any disk; empty if the disks were looked at
 * @param notes what the user should know beside
 */
record DomainResult(String name, Optional<Ended> ended, List<Disk> disks, List<String> notes) {
    DomainResult {
        disks = List.copyOf(disks);
        notes = List.copyOf(notes);
    }

    static DomainResult ended(String name, Outcome outcome, String reason) {
        return new DomainResult(name, Optional.of(new Ended(outcome, reason)), List.of(), List.of());
    }

    /** One outcome for the whole: the worst, or else the best. */
    Outcome outcome() {
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

    String reason() {
        return ended.map(Ended::reason).orElse("");
    }

    /** An end without disks. */
    record Ended(Outcome outcome, String reason) {}

    /** What became of one disk. */
    sealed interface Disk {
        /** The guest's name of it. */
        String target();

        /** The outcome, unless it says nothing about the domain. */
        Optional<Outcome> counted();
    }

    /** A run, whatever its end. */
    record Run(ShrinkReport report, ImageFormat format) implements Disk {
        @Override
        public String target() {
            return report.target().orElse("");
        }

        @Override
        public Optional<Outcome> counted() {
            return Optional.of(report.outcome());
        }
    }

    /** A disk that was not even tried. */
    record LeftAlone(DomainDisk disk, String reason) implements Disk {
        @Override
        public String target() {
            return disk.target();
        }

        /** That a CD was not shrunk is nothing to tell a script. */
        @Override
        public Optional<Outcome> counted() {
            boolean removable = disk.device().equals("cdrom") || disk.device().equals("floppy");
            return removable ? Optional.empty() : Optional.of(Outcome.REFUSED);
        }
    }
}
