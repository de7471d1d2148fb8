package virtshrink.filesystem.fat;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/** All directories of a volume: every set of entries has the right checksum, and what it owns is allocated and owned only once. */
final class ExfatTree {
    private static final String UPCASE_TABLE = "exFAT up-case table";
    private static final int MOST_UPCASE_BYTES = 2 << 16;

    private static final int IN_USE = 0x80;
    private static final int SECONDARY = 0x40;
    private static final int BENIGN = 0x20;
    private static final int FILE = 0x85;
    private static final int STREAM_EXTENSION = 0xC0;
    private static final int FILE_NAME = 0xC1;
    private static final int VOLUME_GUID = 0xA0;
    private static final int TEXFAT_PADDING = 0xA1;
    private static final int ATTRIBUTE_DIRECTORY = 0x10;
    private static final int ALLOCATION_POSSIBLE = 0x1;
    private static final int NO_FAT_CHAIN = 0x2;

    private final BlockSource volume;
    private final ExfatBootSector boot;
    private final FatLinks links;
    private final ExfatAllocation allocation;
    private final ExfatDirectory.Budget budget;
    private final ArrayDeque<ExfatDirectory.Place> waiting = new ArrayDeque<>();
    private Optional<String> unsupported = Optional.empty();

    ExfatTree(
            BlockSource volume,
            ExfatBootSector boot,
            FatLinks links,
            ExfatAllocation allocation,
            ExfatDirectory.Budget budget) {
        this.volume = volume;
        this.boot = boot;
        this.links = links;
        this.allocation = allocation;
        this.budget = budget;
    }

    /**
     * Reads the up-case table, which every volume has, and checks it.
     *
     * @param entry its directory entry
     * @throws CorruptStructureException if it does not have the checksum of its entry
     */
    void checkUpcase(StructureBytes entry) throws IOException {
        long checksum = entry.u32le(4);
        long firstCluster = entry.u32le(ExfatDirectory.FIRST_CLUSTER);
        long length = entry.u63le(ExfatDirectory.DATA_LENGTH);
        if (length == 0 || length > MOST_UPCASE_BYTES || length % 2 != 0) {
            throw entry.corrupt(ExfatDirectory.DATA_LENGTH, "an up-case table of %d bytes".formatted(length));
        }
        allocation.ownChain(UPCASE_TABLE, entry.offsetBytes(), firstCluster, boot.clusters(length));
        int sum = 0;
        long cluster = firstCluster;
        for (long left = length; left > 0; left -= boot.clusterBytes()) {
            if (cluster < FatType.FIRST_CLUSTER || cluster > boot.lastCluster()) {
                // The chain was not followed to its end where following others had taken too many reads.
                throw entry.corrupt(
                        ExfatDirectory.FIRST_CLUSTER,
                        "an up-case table that continues in cluster %d of %d".formatted(cluster, boot.lastCluster()));
            }
            byte[] part = volume.read(boot.clusterOffset(cluster), (int) Math.min(left, boot.clusterBytes()))
                    .array();
            for (byte next : part) {
                sum = ExfatChecksums.add(sum, next);
            }
            cluster = links.next(cluster);
        }
        if (sum != (int) checksum) {
            throw new CorruptStructureException(
                    UPCASE_TABLE,
                    boot.clusterOffset(firstCluster),
                    "checksum 0x%08x does not match the content's 0x%08x".formatted(checksum, sum));
        }
    }

    /**
     * Reads all directories.
     *
     * @param root whose clusters are known to be its own
     * @return what was met that is not supported
     * @throws CorruptStructureException if a directory contradicts the format or the allocation bitmap
     */
    Optional<String> walk(ExfatDirectory.Place root) throws IOException {
        readDirectory(root, true);
        while (!waiting.isEmpty() && unsupported.isEmpty() && !budget.isSpent()) {
            readDirectory(waiting.remove(), false);
        }
        if (unsupported.isEmpty() && budget.isSpent()) {
            return Optional.of("its directories are too large");
        }
        return unsupported;
    }

    private void readDirectory(ExfatDirectory.Place place, boolean root) throws IOException {
        ExfatDirectory directory = new ExfatDirectory(volume, boot, links, place, budget);
        for (Optional<StructureBytes> next = directory.next();
                next.isPresent() && unsupported.isEmpty();
                next = directory.next()) {
            StructureBytes entry = next.get();
            int type = entry.u8(0);
            if ((type & IN_USE) == 0) {
                continue;
            }
            switch (type) {
                case FILE -> readFile(directory, entry);
                case ExfatRoot.BITMAP, ExfatRoot.UPCASE, ExfatRoot.LABEL, VOLUME_GUID -> {
                    if (!root) {
                        throw entry.corrupt(0, "entry type 0x%x outside of the root directory".formatted(type));
                    }
                }
                case TEXFAT_PADDING -> {}
                default -> {
                    if ((type & SECONDARY) != 0) {
                        throw entry.corrupt(0, "entry type 0x%x without an entry that it belongs to".formatted(type));
                    }
                    notSupported(type);
                }
            }
        }
    }

    private void readFile(ExfatDirectory directory, StructureBytes file) throws IOException {
        int secondaryCount = file.u8(1);
        int setChecksum = file.u16le(2);
        int attributes = file.u16le(4);
        int sum = 0;
        for (int at = 0; at < ExfatDirectory.ENTRY_BYTES; at++) {
            sum = at == 2 || at == 3 ? sum : ExfatChecksums.add16(sum, (byte) file.u8(at));
        }
        StructureBytes[] secondaries = new StructureBytes[secondaryCount];
        for (int index = 0; index < secondaryCount; index++) {
            int number = index + 1;
            secondaries[index] = directory
                    .next()
                    .filter(entry -> (entry.u8(0) & (IN_USE | SECONDARY)) == (IN_USE | SECONDARY))
                    .orElseThrow(() ->
                            file.corrupt(1, "%d entries expected, %d found".formatted(secondaryCount + 1, number)));
            for (byte next : secondaries[index].bytes(0, ExfatDirectory.ENTRY_BYTES)) {
                sum = ExfatChecksums.add16(sum, next);
            }
        }
        if (sum != setChecksum) {
            throw file.corrupt(2, "checksum 0x%04x does not match the entries' 0x%04x".formatted(setChecksum, sum));
        }
        if (secondaryCount < 2 || secondaries[0].u8(0) != STREAM_EXTENSION || secondaries[1].u8(0) != FILE_NAME) {
            throw file.corrupt(1, "a file without a stream extension and a name");
        }
        readStream(secondaries[0], (attributes & ATTRIBUTE_DIRECTORY) != 0);
        for (int index = 1; index < secondaryCount; index++) {
            int type = secondaries[index].u8(0);
            if ((type & BENIGN) != 0) {
                readAllocation(secondaries[index]);
            } else if (type != FILE_NAME) {
                notSupported(type);
            }
        }
    }

    private void readStream(StructureBytes stream, boolean directory) throws IOException {
        long validDataLength = stream.u63le(8);
        long dataLength = stream.u63le(ExfatDirectory.DATA_LENGTH);
        if (validDataLength > dataLength) {
            throw stream.corrupt(8, "%d bytes valid of %d".formatted(validDataLength, dataLength));
        }
        if ((stream.u8(1) & ALLOCATION_POSSIBLE) == 0) {
            throw stream.corrupt(1, "a stream extension that can have no clusters");
        }
        Optional<ExfatDirectory.Place> place = readAllocation(stream);
        if (directory && place.isPresent()) {
            if (waiting.size() == FatTree.MOST_WAITING) {
                throw stream.corrupt(
                        0,
                        "one of more than %d directories side by side, which are not supported"
                                .formatted(FatTree.MOST_WAITING));
            }
            waiting.add(place.get());
        }
    }

    /** {@code FirstCluster} and {@code DataLength}, which all secondary entries have in the same place. */
    private Optional<ExfatDirectory.Place> readAllocation(StructureBytes entry) throws IOException {
        int flags = entry.u8(1);
        if ((flags & ALLOCATION_POSSIBLE) == 0) {
            return Optional.empty();
        }
        long firstCluster = entry.u32le(ExfatDirectory.FIRST_CLUSTER);
        long dataLength = entry.u63le(ExfatDirectory.DATA_LENGTH);
        if (firstCluster == 0 && dataLength == 0) {
            return Optional.empty();
        }
        if (firstCluster == 0 || dataLength == 0) {
            throw entry.corrupt(
                    ExfatDirectory.FIRST_CLUSTER, "%d bytes from cluster %d on".formatted(dataLength, firstCluster));
        }
        boolean noFatChain = (flags & NO_FAT_CHAIN) != 0;
        long clusters = boot.clusters(dataLength);
        if (noFatChain) {
            allocation.ownRun("exFAT directory entry", entry.offsetBytes(), firstCluster, clusters);
        } else {
            allocation.ownChain("exFAT directory entry", entry.offsetBytes(), firstCluster, clusters);
        }
        return Optional.of(new ExfatDirectory.Place(firstCluster, noFatChain, clusters));
    }

    private void notSupported(int type) {
        unsupported = Optional.of("unknown directory entry type 0x%x".formatted(type));
    }
}
