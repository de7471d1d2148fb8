package virtshrink.filesystem.fat;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/**
 * Reads exFAT.
 *
 * <p>Free space is proven if the volume is marked clean, both boot regions and the up-case table have their checksums, and all that any directory
 * entry owns (whose sets have checksums too) is allocated in the bitmap and owned once. {@code PercentInUse} is rounded and often stale, and not
 * used. Thread-safe, without state.
 */
public final class ExfatReader implements FreeSpaceReader {
    private static final String EXFAT = "exfat";

    /** Section 6 of the specification: no directory is larger. */
    private static final long MOST_DIRECTORY_BYTES = 256 << 20;

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return volume.sizeBytes() >= ExfatBootSector.LENGTH_BYTES && ExfatBootSector.isPresent(bootSector(volume));
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType(EXFAT);
        try {
            ExfatBootSector boot = ExfatBootSector.parse(bootSector(volume), volume.sizeBytes());
            identity = identityOf(boot, "");
            Optional<String> dirty = boot.whyDirty();
            if (dirty.isPresent()) {
                return new FilesystemReport(identity, new FilesystemState.Dirty(dirty.get()));
            }
            Optional<String> unsupported = boot.whyUnsupported();
            if (unsupported.isPresent()) {
                return new FilesystemReport(identity, new FilesystemState.Unsupported(unsupported.get()));
            }
            return read(volume, boot);
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static FilesystemReport read(BlockSource volume, ExfatBootSector boot) throws IOException {
        ExfatBootRegion.check(volume, boot);
        FatLinks links = new FatLinks(volume, FatType.EXFAT, boot.fatOffsetBytes(), boot.lastCluster() + 1);
        long first = links.next(0);
        if (first != 0xFFFF_FFF8L) {
            throw new CorruptStructureException(
                    FatTable.STRUCTURE,
                    boot.fatOffsetBytes(),
                    "begins with media type 0x%x, expected 0xfffffff8".formatted(first));
        }
        ExfatDirectory.Place root = rootPlace(boot, links);
        ExfatDirectory.Budget budget = new ExfatDirectory.Budget();
        ExfatRoot special = ExfatRoot.read(new ExfatDirectory(volume, boot, links, root, budget));
        ExfatAllocation allocation =
                ExfatAllocation.read(volume, boot, links, special.bitmapCluster(), special.bitmapBytes());
        allocation.ownChain(
                "exFAT root directory", boot.clusterOffset(root.firstCluster()), root.firstCluster(), root.clusters());
        ExfatTree tree = new ExfatTree(volume, boot, links, allocation, budget);
        tree.checkUpcase(special.upcase());
        Optional<String> unsupported = tree.walk(root);
        return new FilesystemReport(
                identityOf(boot, special.label()),
                unsupported.isPresent() ? new FilesystemState.Unsupported(unsupported.get()) : allocation.freeSpace());
    }

    /** The root directory has no entry that would tell its length: its chain does. */
    private static ExfatDirectory.Place rootPlace(ExfatBootSector boot, FatLinks links) throws IOException {
        long first = boot.firstClusterOfRootDirectory();
        long cluster = first;
        for (long count = 1; count * boot.clusterBytes() <= MOST_DIRECTORY_BYTES; count++) {
            cluster = links.next(cluster);
            if (cluster > FatType.EXFAT.bad()) {
                return new ExfatDirectory.Place(first, false, count);
            }
            if (cluster < FatType.FIRST_CLUSTER || cluster > boot.lastCluster()) {
                throw new CorruptStructureException(
                        FatTable.STRUCTURE,
                        boot.fatOffsetBytes(),
                        "the root directory continues in cluster %d of %d".formatted(cluster, boot.lastCluster()));
            }
        }
        throw new CorruptStructureException(
                FatTable.STRUCTURE, boot.fatOffsetBytes(), "the root directory is larger than any may be");
    }

    private static StructureBytes bootSector(BlockSource volume) throws IOException {
        return new StructureBytes(ExfatBootSector.STRUCTURE, 0, volume.read(0, ExfatBootSector.LENGTH_BYTES));
    }

    private static FilesystemIdentity identityOf(ExfatBootSector boot, String label) {
        return new FilesystemIdentity(EXFAT, label, boot.volumeSerialNumber(), boot.clusterBytes(), boot.totalBytes());
    }
}
