package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import virtshrink.image.BackingChain;
import virtshrink.image.ChainElement;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.libvirt.DomainDisk.Location;

/** Whether one disk of an idle domain is an image that may be replaced. Reads headers only, and only in the stated format. */
final class DiskRule {
    private final ImageCensus census;
    private final List<PoolVolumeRecord> volumes;

    DiskRule(ImageCensus census, List<PoolVolumeRecord> volumes) {
        this.census = census;
        this.volumes = List.copyOf(volumes);
    }

    /** Why the disk must be left alone, as a sentence; empty if it may be shrunk. */
    Optional<String> whyNot(DomainRecord domain, DomainDisk disk) {
        return notAnOrdinaryDisk(disk)
                .or(() -> marked(disk))
                .or(() -> notAFile(disk))
                .or(() -> wrongFormat(disk))
                .or(() -> disk.file().flatMap(file -> unfitFile(domain, disk, file)));
    }

    /** The format of a disk that passed. */
    static ImageFormat format(DomainDisk disk) {
        return ImageFormat.ofQemuName(disk.formatName()).orElseThrow();
    }

    private static Optional<String> notAnOrdinaryDisk(DomainDisk disk) {
        return switch (disk.device()) {
            case "disk" -> Optional.empty();
            case "cdrom", "floppy" ->
                Optional.of("it is a " + disk.device() + " drive, whose medium belongs to no one guest");
            case "lun" -> Optional.of("it is a LUN passed through to the guest, not an image");
            default -> Optional.of("it is a device of the kind '" + disk.device() + "', not an ordinary disk");
        };
    }

    private static Optional<String> marked(DomainDisk disk) {
        if (disk.blockJob().isPresent()) {
            return Optional.of("a block job (" + disk.blockJob().get()
                    + ") is active on it; wait for it, or end it with: virsh blockjob");
        }
        return disk.special().stream().findFirst().map(mark -> switch (mark) {
            case SHAREABLE -> "it is marked <shareable/>: other guests may be writing to it";
            case READONLY -> "it is marked <readonly/>";
            case TRANSIENT -> "it is marked <transient/>: what the guest writes is thrown away anyway";
            case SLICES -> "it uses only a slice of its file (<slices>)";
            case ENCRYPTED -> "it is encrypted (<encryption>): its free space cannot be told from its content";
            case DATA_STORE -> "its data lies in a second file (<dataStore>)";
        });
    }

    private static Optional<String> notAFile(DomainDisk disk) {
        if (disk.source() instanceof DiskSource.Empty) {
            return Optional.of("the drive is empty");
        }
        if (disk.source() instanceof DiskSource.NoFile other) {
            String detail = other.detail().isEmpty() ? "" : " (" + other.detail() + ")";
            return Optional.of(
                    switch (other.type()) {
                        case "block" -> "it is a block device" + detail + ", not an image file";
                        case "network" -> "it lies on network storage" + detail + ", not in a file of this host";
                        case "nvme", "vhostuser", "vhostvdpa" ->
                            "it is a device of the kind " + other.type()
                                    + " that the guest drives itself, not an image file";
                        case "dir" -> "it is a directory" + detail + " shown to the guest as a disk";
                        default -> "its source is of the kind '" + other.type() + "', not an image file";
                    });
        }
        return disk.location() instanceof Location.None none ? Optional.of(none.reason()) : Optional.empty();
    }

    private static Optional<String> wrongFormat(DomainDisk disk) {
        Optional<ImageFormat> format = ImageFormat.ofQemuName(disk.formatName());
        if (format.isEmpty()) {
            return Optional.of("its format '" + disk.formatName()
                    + "' is not one that virt-shrink can rebuild (qcow2 and raw are)");
        }
        if (format.get() != ImageFormat.QCOW2 && format.get() != ImageFormat.RAW) {
            return Optional.of(
                    "its format " + disk.formatName()
                            + " can be read but not replaced by itself; convert it with: virt-shrink image --convert qcow2, and change the domain");
        }
        if (disk.logicalBlockBytes() != 512 && disk.logicalBlockBytes() != 4096) {
            return Optional.of("its logical_block_size is neither 512 nor 4096 bytes");
        }
        return Optional.empty();
    }

    private Optional<String> unfitFile(DomainRecord domain, DomainDisk disk, Path file) {
        if (!Files.exists(file)) {
            return Optional.of("its image " + file + " does not exist, or this user may not see it");
        }
        if (!Files.isRegularFile(file)) {
            return Optional.of("its image " + file + " is not a regular file");
        }
        Optional<ImageCensus.Use> conflict = census.conflicting(file, domain, disk);
        if (conflict.isPresent()) {
            return Optional.of(describe(file, conflict.get()));
        }
        try {
            List<ChainElement> chain = BackingChain.walk(file, format(disk));
            List<Path> below = chain.subList(1, chain.size()).stream()
                    .map(ChainElement::file)
                    .toList();
            return otherThanStated(disk, below).or(() -> otherThanPoolKnows(disk, file, below));
        } catch (ImageRefusedException e) {
            return Optional.of(Objects.requireNonNullElse(e.getMessage(), "its image " + file + " cannot be used"));
        } catch (IOException e) {
            return Optional.of("its image " + file + " cannot be read: " + e.getMessage());
        }
    }

    private static String describe(Path file, ImageCensus.Use conflict) {
        return switch (conflict.role()) {
            case DISK -> "its image " + file + " is also " + conflict.user();
            case FURTHER ->
                "its image " + file + " is also in use by " + conflict.user()
                        + " (its running instance, a snapshot of it, or its block job)";
            case BACKING ->
                "its image " + file + " is a backing file of " + conflict.user()
                        + ", which would be destroyed if it changed";
        };
    }

    /** The chain in the domain's XML, where it has one, is the one that QEMU opens, whatever the header says. */
    private static Optional<String> otherThanStated(DomainDisk disk, List<Path> below) {
        if (!(disk.backing() instanceof StatedBacking.Chain stated)) {
            return Optional.empty();
        }
        List<FileKey> inHeaders = keys(below);
        List<FileKey> inXml = keys(stated.files());
        boolean agree = stated.onlyFiles()
                && (stated.ended()
                        ? inHeaders.equals(inXml)
                        : inHeaders.size() >= inXml.size()
                                && inHeaders.subList(0, inXml.size()).equals(inXml));
        return agree
                ? Optional.empty()
                : Optional.of("the domain's XML gives it the backing files " + stated.files()
                        + ", but the image headers name " + below
                        + "; make them agree (virsh edit, qemu-img rebase -u)");
    }

    private Optional<String> otherThanPoolKnows(DomainDisk disk, Path file, List<Path> below) {
        FileKey key = FileKey.of(file);
        for (PoolVolumeRecord volume : volumes) {
            // Another format is only libvirt's guess, which a guest can provoke from inside a raw disk.
            boolean comparable = volume.path().getFileName() != null
                    && volume.format().equals(Optional.of(disk.formatName()))
                    && FileKey.of(volume.path()).equals(key);
            if (comparable
                    && !keys(volume.backing().stream().toList())
                            .equals(keys(below.stream().limit(1).toList()))) {
                return Optional.of("the storage pool " + volume.pool() + " knows "
                        + volume.backing()
                                .map(path -> "the backing file " + path)
                                .orElse("no backing file")
                        + " for it, but its header names " + (below.isEmpty() ? "none" : below.get(0))
                        + "; refresh the pool with: virsh pool-refresh " + volume.pool());
            }
        }
        return Optional.empty();
    }

    private static List<FileKey> keys(List<Path> files) {
        return files.stream().map(FileKey::of).toList();
    }
}
