package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import virtshrink.image.BackingChain;
import virtshrink.image.ChainElement;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;

/**
 * Who uses which file, as far as libvirt knows: every disk of every domain, running ones and snapshots included, and every volume of a pool,
 * each with the files it stands on. Files are told apart by device and inode. Immutable.
 */
final class ImageCensus {
    private final Map<FileKey, List<Use>> uses = new HashMap<>();
    private final List<String> notes = new ArrayList<>();

    private ImageCensus() {}

    static ImageCensus of(HostSurvey survey) {
        ImageCensus census = new ImageCensus();
        census.notes.addAll(survey.notes());
        for (DomainRecord domain : survey.domains()) {
            domain.disks().forEach(disk -> census.addDisk(domain, disk, Role.DISK));
            domain.furtherDisks().forEach(disk -> census.addDisk(domain, disk, Role.FURTHER));
        }
        Set<FileKey> raw = survey.domains().stream()
                .flatMap(domain -> domain.disks().stream())
                .filter(disk -> disk.formatName().equals("raw"))
                .flatMap(disk -> disk.file().stream())
                .map(FileKey::of)
                .collect(Collectors.toSet());
        // What libvirt takes for a header in a domain's raw disk is whatever its guest wrote there.
        survey.volumes().stream()
                .filter(volume -> !raw.contains(FileKey.of(volume.path())))
                .forEach(census::addVolume);
        return census;
    }

    /** What could not be looked into, each a sentence. */
    List<String> notes() {
        return List.copyOf(notes);
    }

    /** A use of the file that forbids its replacement on behalf of this disk of this domain. */
    Optional<Use> conflicting(Path file, DomainRecord domain, DomainDisk disk) {
        Predicate<Use> itself = use -> use.role() == Role.DISK
                && use.domain().equals(Optional.of(domain.uuid()))
                && use.target().equals(disk.target());
        List<Use> all = uses.getOrDefault(FileKey.of(file), List.of());
        return all.stream()
                .filter(itself.negate())
                .findFirst()
                // The same target twice in one domain is not valid libvirt XML, but two entries are still two users.
                .or(() -> all.stream().filter(itself).skip(1).findFirst());
    }

    /** Any use of the file, empty if there is none. */
    Optional<Use> anyUse(Path file) {
        return uses.getOrDefault(FileKey.of(file), List.of()).stream().findFirst();
    }

    private void addDisk(DomainRecord domain, DomainDisk disk, Role role) {
        String user = "disk " + disk.target() + " of the domain " + domain.name();
        Optional<UUID> uuid = Optional.of(domain.uuid());
        disk.file().ifPresent(file -> {
            add(file, new Use(user, uuid, disk.target(), role));
            chainBelow(file, disk.formatName(), user)
                    .forEach(below -> add(below, new Use(user, uuid, disk.target(), Role.BACKING)));
        });
        if (disk.backing() instanceof StatedBacking.Chain stated) {
            stated.files().forEach(below -> add(below, new Use(user, uuid, disk.target(), Role.BACKING)));
        }
        disk.furtherFiles().forEach(further -> add(further, new Use(user, uuid, disk.target(), Role.FURTHER)));
    }

    private void addVolume(PoolVolumeRecord volume) {
        if (volume.backing().isEmpty()) {
            return;
        }
        Path backing = volume.backing().get();
        if (isOwnTemporary(volume.path(), backing)) {
            return;
        }
        String user = "volume " + volume.name() + " of the storage pool " + volume.pool();
        add(backing, new Use(user, Optional.empty(), "", Role.BACKING));
        HeaderTrail.below(backing).forEach(below -> add(below, new Use(user, Optional.empty(), "", Role.BACKING)));
    }

    /** The overlay of a run that died, or of one under way, lies beside the image it stands on, under a name made from its name. */
    private static boolean isOwnTemporary(Path volume, Path image) {
        return Objects.equals(volume.getParent(), image.getParent())
                && String.valueOf(volume.getFileName()).startsWith("." + image.getFileName() + ".virt-shrink-");
    }

    /** The files below an image. One that cannot be walked properly is followed as far as its headers lead. */
    private Iterable<Path> chainBelow(Path file, String formatName, String user) {
        Optional<ImageFormat> format = ImageFormat.ofQemuName(formatName);
        if (format.equals(Optional.of(ImageFormat.RAW))) {
            // A guest can write what looks like a header into a raw disk; it stands on nothing.
            return List.of();
        }
        try {
            if (format.isPresent()) {
                List<ChainElement> chain = BackingChain.walk(file, format.get());
                return chain.subList(1, chain.size()).stream()
                        .map(ChainElement::file)
                        .toList();
            }
            notes.add("the format " + formatName + " of " + user
                    + " is not known, so its backing files may be incomplete");
        } catch (IOException | ImageRefusedException e) {
            notes.add("the backing files of " + user + " (" + file + ") could not all be found: " + e.getMessage());
        }
        return HeaderTrail.below(file);
    }

    private void add(Path file, Use use) {
        uses.computeIfAbsent(FileKey.of(file), key -> new ArrayList<>()).add(use);
    }

    /** As what a file is used. */
    enum Role {
        /** A disk of a domain's definition. */
        DISK,
        /** A running instance's disk, a snapshot's, or a mirror. */
        FURTHER,
        /** Something stands on it. */
        BACKING
    }

    /**
     * One use of one file.
     *
     * @param user in words
     * @param target empty unless a domain's disk
     */
    record Use(String user, Optional<UUID> domain, String target, Role role) {}
}
