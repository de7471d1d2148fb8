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
 * Reads FAT12, FAT16 and FAT32.
 *
 * <p>The format has no checksum and no journal. Free space is proven if the volume is marked clean wherever it can be marked, all copies of the
 * file allocation table and of the boot sector agree, no chain of clusters runs into a free one or into another chain, and every file and
 * directory begins a chain of its own. The free-cluster count of FAT32's FSInfo sector is a hint that is often wrong, and is not used.
 *
 * <p>Which of the three it is, is decided as Windows, Linux, UEFI and boot loaders do: FAT32 has no length in the old place of the boot sector,
 * and the number of clusters separates the other two. The specification would have the number of clusters decide everywhere; a FAT32 with
 * too few of them, which mkfs.fat makes on demand, is FAT32 to all who would read it.
 *
 * <p>Thread-safe, without state.
 */
public final class FatReader implements FreeSpaceReader {
    private static final String VFAT = "vfat";

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return volume.sizeBytes() >= FatBootSector.LENGTH_BYTES && FatBootSector.isPresent(bootSector(volume, 0));
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType(VFAT);
        try {
            StructureBytes sector = bootSector(volume, 0);
            FatBootSector boot = FatBootSector.parse(sector, volume.sizeBytes());
            identity = identityOf(boot, boot.label());
            return judge(volume, sector, boot);
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static FilesystemReport judge(BlockSource volume, StructureBytes sector, FatBootSector boot)
            throws IOException {
        FilesystemIdentity identity = identityOf(boot, boot.label());
        // Dirty comes before unsupported: it tells that other filesystems of the same guest are to be left alone as
        // well.
        Optional<String> dirty = boot.whyDirty();
        if (dirty.isPresent()) {
            return new FilesystemReport(identity, new FilesystemState.Dirty(dirty.get()));
        }
        Optional<String> unsupported = boot.whyUnsupported();
        if (unsupported.isPresent()) {
            return new FilesystemReport(identity, new FilesystemState.Unsupported(unsupported.get()));
        }
        Optional<String> inUse = FatTable.whyDirty(volume, boot);
        if (inUse.isPresent()) {
            return new FilesystemReport(identity, new FilesystemState.Dirty(inUse.get()));
        }
        compareBackup(volume, sector, boot);
        FatTable table = FatTable.read(volume, boot);
        FatTree.Outcome tree = FatTree.walk(volume, boot, table);
        return new FilesystemReport(
                identityOf(boot, tree.label().orElse("")),
                tree.whyUnsupported().isPresent()
                        ? new FilesystemState.Unsupported(tree.whyUnsupported().get())
                        : freeSpace(boot, table));
    }

    private static FilesystemState freeSpace(FatBootSector boot, FatTable table) {
        // Linux before 3.8, firmware and mtools write without marking the volume.
        boolean marksUse = false;
        return new FilesystemState.FreeSpace(
                table.freeClusters() * boot.clusterBytes(), table.free(), Optional.empty(), marksUse);
    }

    /** Boot loaders are installed into the first sector alone, so only what describes the volume has to be the same. */
    private static void compareBackup(BlockSource volume, StructureBytes sector, FatBootSector boot)
            throws IOException {
        if (boot.bkBootSec() == 0) {
            return;
        }
        StructureBytes backup = bootSector(volume, (long) boot.bkBootSec() * boot.bytesPerSector());
        if (backup.u16le(FatBootSector.SIGNATURE_AT) != FatBootSector.SIGNATURE) {
            return;
        }
        boolean same = backup.matches(0x0B, sector.bytes(0x0B, 0x18 - 0x0B))
                && backup.matches(0x20, sector.bytes(0x20, 0x34 - 0x20));
        if (!same) {
            throw backup.corrupt(0x0B, "describes another volume than the first sector does");
        }
    }

    private static StructureBytes bootSector(BlockSource volume, long offsetBytes) throws IOException {
        return new StructureBytes(
                FatBootSector.STRUCTURE, offsetBytes, volume.read(offsetBytes, FatBootSector.LENGTH_BYTES));
    }

    private static FilesystemIdentity identityOf(FatBootSector boot, String label) {
        return new FilesystemIdentity(VFAT, label, boot.serial(), boot.clusterBytes(), boot.totalBytes());
    }
}
