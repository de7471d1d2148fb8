package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.libvirt.Connect;
import org.libvirt.Error.ErrorNumber;
import org.libvirt.LibvirtException;
import org.libvirt.StoragePool;
import org.libvirt.StorageVol;
import virtshrink.libvirt.DomainDisk.Location;

/** The storage pools of a connection, as far as their volumes are files. Thread-safe. */
final class StoragePools {
    private final Connect connection;

    StoragePools(Connect connection) {
        this.connection = connection;
    }

    /** The file that a volume is, or why it is none. */
    Location locate(DiskSource.PoolVolume volume) throws LibvirtException, IOException {
        StoragePool pool;
        try {
            pool = connection.storagePoolLookupByName(volume.pool());
        } catch (LibvirtException e) {
            return missing(e, "its storage pool " + volume.pool() + " does not exist");
        }
        try {
            return locate(pool, volume);
        } finally {
            pool.free();
        }
    }

    private static Location locate(StoragePool pool, DiskSource.PoolVolume volume)
            throws LibvirtException, IOException {
        if (pool.isActive() != 1) {
            return new Location.None("its storage pool " + volume.pool()
                    + " is not active; start it with: virsh pool-start " + volume.pool());
        }
        PoolXml description = PoolXml.parse(pool.getXMLDesc(0));
        if (!description.holdsFiles()) {
            return new Location.None("its storage pool " + volume.pool() + " is of the type " + description.type()
                    + ", whose volumes are no image files");
        }
        try {
            return description
                    .parseVolume(volumeXml(pool, volume.volume()))
                    .<Location>map(found -> new Location.Found(found.path()))
                    .orElseGet(() -> new Location.None("the volume " + volume.volume() + " is no file"));
        } catch (LibvirtException e) {
            return missing(
                    e,
                    "its storage pool " + volume.pool() + " knows no volume " + volume.volume()
                            + "; if the file exists, refresh the pool with: virsh pool-refresh " + volume.pool());
        }
    }

    /** Asked of a pool. */
    private interface PoolQuestion<T> {
        T ask(StoragePool pool, PoolXml description) throws LibvirtException, IOException;
    }

    /** Every handle is given back at once: one that is left to the garbage collector keeps the connection open for as long. */
    private <T> T ask(String name, PoolQuestion<T> question) throws LibvirtException, IOException {
        StoragePool pool = connection.storagePoolLookupByName(name);
        try {
            return question.ask(pool, PoolXml.parse(pool.getXMLDesc(0)));
        } finally {
            pool.free();
        }
    }

    private static String volumeXml(StoragePool pool, String name) throws LibvirtException {
        StorageVol volume = pool.storageVolLookupByName(name);
        try {
            return volume.getXMLDesc(0);
        } finally {
            volume.free();
        }
    }

    private static Location missing(LibvirtException why, String reason) throws LibvirtException {
        ErrorNumber code = why.getError().getCode();
        if (code == ErrorNumber.VIR_ERR_NO_STORAGE_POOL || code == ErrorNumber.VIR_ERR_NO_STORAGE_VOL) {
            return new Location.None(reason);
        }
        throw why;
    }

    /**
     * All volumes of active pools of files, as they were when each pool was last refreshed.
     *
     * @param notes takes a sentence for each pool that could not be read
     */
    List<PoolVolumeRecord> volumes(List<String> notes) throws LibvirtException, IOException {
        List<PoolVolumeRecord> found = new ArrayList<>();
        for (String name : activePools()) {
            try {
                found.addAll(ask(name, StoragePools::volumes));
            } catch (LibvirtException e) {
                if (!connection.isAlive()) {
                    throw e;
                }
                notes.add("the storage pool " + name + " could not be read: " + e.getMessage());
            }
        }
        return found;
    }

    private static List<PoolVolumeRecord> volumes(StoragePool pool, PoolXml description)
            throws LibvirtException, IOException {
        List<PoolVolumeRecord> found = new ArrayList<>();
        for (String volume : description.holdsFiles() ? pool.listVolumes() : new String[0]) {
            try {
                description.parseVolume(volumeXml(pool, volume)).ifPresent(found::add);
            } catch (LibvirtException e) {
                // Deleted since it was listed: then it stands on nothing any more.
                if (e.getError().getCode() != ErrorNumber.VIR_ERR_NO_STORAGE_VOL) {
                    throw e;
                }
            }
        }
        return found;
    }

    /** Refreshes the pools in whose directory the file lies; their names. */
    List<String> refreshHolding(Path file) throws LibvirtException, IOException {
        Set<Path> directories = new LinkedHashSet<>();
        for (Path place : List.of(file.toAbsolutePath(), file.toRealPath())) {
            Optional.ofNullable(place.getParent()).map(StoragePools::real).ifPresent(directories::add);
        }
        List<String> refreshed = new ArrayList<>();
        for (String name : activePools()) {
            boolean holds = ask(name, (pool, description) -> {
                Optional<Path> directory = directory(description).filter(directories::contains);
                if (directory.isPresent()) {
                    pool.refresh(0);
                }
                return directory.isPresent();
            });
            if (holds) {
                refreshed.add(name);
            }
        }
        return refreshed;
    }

    /** The directories of the active pools of files, by the pools' names. */
    Map<String, Path> directories() throws LibvirtException, IOException {
        Map<String, Path> found = new TreeMap<>();
        for (String name : activePools()) {
            ask(name, (pool, description) -> directory(description)).ifPresent(directory -> found.put(name, directory));
        }
        return found;
    }

    /** Where a pool of files keeps them. */
    private static Optional<Path> directory(PoolXml description) {
        return description.holdsFiles() ? description.directory().map(StoragePools::real) : Optional.empty();
    }

    private static Path real(Path directory) {
        try {
            return directory.toRealPath();
        } catch (IOException e) {
            // A pool whose directory is gone cannot hold the file; as text it is compared all the same.
            return directory.toAbsolutePath().normalize();
        }
    }

    /** Empty for a libvirt without a storage driver. */
    private List<String> activePools() throws LibvirtException {
        try {
            return List.of(connection.listStoragePools());
        } catch (LibvirtException e) {
            if (e.getError().getCode() == ErrorNumber.VIR_ERR_NO_SUPPORT) {
                return List.of();
            }
            throw e;
        }
    }
}
