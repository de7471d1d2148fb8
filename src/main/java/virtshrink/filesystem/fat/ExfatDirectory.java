package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/** The entries of one directory, one after the other, from wherever its clusters lie. Not thread-safe. */
final class ExfatDirectory {
    static final String STRUCTURE = "exFAT directory";
    static final int ENTRY_BYTES = 32;
    static final int FIRST_CLUSTER = 20;
    static final int DATA_LENGTH = 24;

    private static final int PIECE_BYTES = 16 << 10;

    private final BlockSource volume;
    private final ExfatBootSector boot;
    private final FatLinks links;
    private final Place place;
    private final Budget budget;
    private long cluster;
    private long clustersBefore;
    private int atInCluster;
    private ByteBuffer piece = ByteBuffer.allocate(0);
    private long pieceOffset;

    /**
     * @param noFatChain whether the clusters follow each other, and not the file allocation table
     * @param clusters how many there are, at least 1
     */
    record Place(long firstCluster, boolean noFatChain, long clusters) {}

    /** How much may be read of all directories of a volume together. */
    static final class Budget {
        /** Some ten seconds of requests over a connection. */
        private static final int MOST_PIECES = 1 << 18;

        private int pieces;

        /** Whether directories were longer than anybody should wait for; they were then read only in part. */
        boolean isSpent() {
            return pieces >= MOST_PIECES;
        }
    }

    ExfatDirectory(BlockSource volume, ExfatBootSector boot, FatLinks links, Place place, Budget budget) {
        this.volume = volume;
        this.boot = boot;
        this.links = links;
        this.place = place;
        this.budget = budget;
        this.cluster = place.firstCluster();
    }

    /** The next entry, used or not; empty behind the last one. */
    Optional<StructureBytes> next() throws IOException {
        if (!piece.hasRemaining() && !readPiece()) {
            return Optional.empty();
        }
        StructureBytes entry = new StructureBytes(
                STRUCTURE, pieceOffset + piece.position(), piece.slice(piece.position(), ENTRY_BYTES));
        if (entry.u8(0) == 0) {
            return Optional.empty();
        }
        piece.position(piece.position() + ENTRY_BYTES);
        return Optional.of(entry);
    }

    private boolean readPiece() throws IOException {
        if (atInCluster == boot.clusterBytes()) {
            clustersBefore++;
            long following = place.noFatChain() ? cluster + 1 : links.next(cluster);
            if (clustersBefore == place.clusters() || following > FatType.EXFAT.bad()) {
                return false;
            }
            cluster = following;
            atInCluster = 0;
        }
        if (budget.isSpent()) {
            return false;
        }
        if (cluster < FatType.FIRST_CLUSTER || cluster > boot.lastCluster()) {
            throw new StructureBytes(STRUCTURE, pieceOffset, piece)
                    .corrupt(0, "continues in cluster %d of %d".formatted(cluster, boot.lastCluster()));
        }
        budget.pieces++;
        pieceOffset = boot.clusterOffset(cluster) + atInCluster;
        piece = volume.read(pieceOffset, Math.min(PIECE_BYTES, boot.clusterBytes()));
        atInCluster += piece.limit();
        return true;
    }
}
