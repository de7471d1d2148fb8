package virtshrink.schedule;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;

/**
 * Which domains, and which of their disks, a schedule is for. Immutable.
 *
 * @param names of domains
 * @param titles of domains; one without has an empty one
 * @param pools in whose directory an image lies
 * @param paths of images, as the domain's XML names them
 */
public record Selection(Patterns names, Patterns titles, Patterns pools, Patterns paths) {
    /** Everything. */
    public static final Selection ALL = new Selection(Patterns.ALL, Patterns.ALL, Patterns.ALL, Patterns.ALL);

    /** Why a domain is not meant; empty if it is. */
    public Optional<String> whyNot(DomainRecord domain) {
        return names.whyNot("names", List.of(domain.name()))
                .or(() -> titles.whyNot("titles", List.of(domain.title().orElse(""))));
    }

    /**
     * Why a disk is not meant; empty if it is.
     *
     * @param poolDirectories by the pools' names, symbolic links resolved
     */
    public Optional<String> whyNot(DomainDisk disk, Map<String, Path> poolDirectories) {
        Optional<Path> file = disk.file();
        if (file.isEmpty()) {
            return Optional.of("it is no file");
        }
        List<String> inPools = poolsOf(file.get(), poolDirectories);
        return pools.whyNot("pools", inPools)
                .or(() -> paths.whyNot("paths", List.of(file.get().toString())));
    }

    private static List<String> poolsOf(Path file, Map<String, Path> poolDirectories) {
        Path parent = file.getParent();
        if (parent == null) {
            return List.of();
        }
        Path directory;
        try {
            directory = parent.toRealPath();
        } catch (IOException absent) {
            // An image that is not there is refused later, with that as its reason.
            directory = parent;
        }
        Path place = directory;
        return poolDirectories.entrySet().stream()
                .filter(pool -> pool.getValue().equals(place))
                .map(Map.Entry::getKey)
                .toList();
    }
}
