package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import virtshrink.shrink.FileSize;

/**
 * What {@code virt-shrink list} shows.
 *
 * @param domains in the order they were judged
 * @param notes what could not be learnt, each a sentence
 */
public record DomainListing(List<Entry> domains, List<String> notes) {
    public DomainListing {
        domains = List.copyOf(domains);
        notes = List.copyOf(notes);
    }

    /**
     * The listing of these verdicts.
     *
     * @param sizes measures a file; where it fails, the row has no size
     */
    public static DomainListing of(List<DomainVerdict> verdicts, SizeReader sizes) {
        List<Entry> entries = new ArrayList<>();
        for (DomainVerdict verdict : verdicts) {
            DomainRecord domain = verdict.domain();
            entries.add(new Entry(
                    domain.name(),
                    domain.uuid(),
                    domain.title(),
                    domain.state(),
                    verdict.refusal(),
                    verdict.disks().stream().map(disk -> row(disk, sizes)).toList()));
        }
        return new DomainListing(
                entries,
                verdicts.stream()
                        .flatMap(verdict -> verdict.notes().stream())
                        .distinct()
                        .toList());
    }

    private static Row row(DiskVerdict verdict, SizeReader sizes) {
        DomainDisk disk = verdict.disk();
        Optional<String> reason =
                verdict instanceof DiskVerdict.Refused refused ? Optional.of(refused.reason()) : Optional.empty();
        return new Row(
                disk.target(),
                disk.file(),
                disk.formatName(),
                disk.file().flatMap(file -> measure(file, sizes)),
                reason);
    }

    private static Optional<FileSize> measure(Path file, SizeReader sizes) {
        try {
            return Optional.of(sizes.sizeOf(file));
        } catch (IOException e) {
            // A missing image is the verdict's business; a row without a size is all there is to show of it.
            return Optional.empty();
        }
    }

    /**
     * One domain.
     *
     * @param refusal why the domain as a whole is left alone
     */
    public record Entry(
            String name,
            UUID uuid,
            Optional<String> title,
            DomainState state,
            Optional<String> refusal,
            List<Row> disks) {
        public Entry {
            disks = List.copyOf(disks);
        }
    }

    /**
     * One disk.
     *
     * @param file empty where there is none on this host
     * @param size empty where the file cannot be looked at
     * @param reason why it is left alone; empty if it is eligible
     */
    public record Row(
            String target, Optional<Path> file, String format, Optional<FileSize> size, Optional<String> reason) {
        /** Whether it may be shrunk. */
        public boolean eligible() {
            return reason.isEmpty();
        }
    }

    /** Measures a file. */
    @FunctionalInterface
    public interface SizeReader {
        FileSize sizeOf(Path file) throws IOException;
    }
}
