package virtshrink.libvirt;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * One disk of a domain, as its XML describes it. Immutable; equal if the description is.
 *
 * @param target the guest's name of it: {@code vda}
 * @param device {@code disk}, {@code cdrom}, {@code floppy} or {@code lun}
 * @param source what it is made of
 * @param location the image file, volumes of pools resolved; or why there is none
 * @param driverType the image format that the XML states, never probed; without one libvirt uses {@code raw}
 * @param special the marks that forbid a rebuild
 * @param blockJob the running block job's kind, if the XML names one
 * @param logicalBlockBytes sector size that the guest sees; 512 unless stated
 * @param backing what the XML says about backing files
 * @param furtherFiles other files that the disk uses: a mirror's target, external data
 */
public record DomainDisk(
        String target,
        String device,
        DiskSource source,
        Location location,
        Optional<String> driverType,
        List<Mark> special,
        Optional<String> blockJob,
        long logicalBlockBytes,
        StatedBacking backing,
        List<Path> furtherFiles) {
    public DomainDisk {
        special = List.copyOf(special);
        furtherFiles = List.copyOf(furtherFiles);
    }

    /** The image file, where there is one. */
    public Optional<Path> file() {
        return location instanceof Location.Found found ? Optional.of(found.file()) : Optional.empty();
    }

    /** The format that libvirt uses for it: the stated one, or {@code raw}. */
    public String formatName() {
        return driverType.orElse("raw");
    }

    DomainDisk at(Location resolved) {
        return new DomainDisk(
                target,
                device,
                source,
                resolved,
                driverType,
                special,
                blockJob,
                logicalBlockBytes,
                backing,
                furtherFiles);
    }

    /** Where the image lies. */
    public sealed interface Location {
        /** In this file; absolute, symbolic links not resolved. */
        record Found(Path file) implements Location {}

        /** Nowhere that can be opened as a file. */
        record None(String reason) implements Location {}
    }

    /** What makes a disk more, or less, than one guest's own image. */
    public enum Mark {
        SHAREABLE,
        READONLY,
        TRANSIENT,
        SLICES,
        ENCRYPTED,
        DATA_STORE
    }
}
