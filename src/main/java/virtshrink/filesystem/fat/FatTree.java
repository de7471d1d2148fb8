package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/**
 * All directories of a volume, each file and directory of which must begin a chain of its own that is long enough for it. It is the only
 * witness that the file allocation table has outside of itself.
 */
final class FatTree {
    /** Of that much of a directory at once; what the volume's reader may cache. */
    private static final int PIECE_BYTES = 16 << 10;

    /** Some ten seconds of requests over a connection. */
    private static final int MOST_PIECES = 1 << 18;

    /** As above: beyond, the chains of files are known to begin where they should, and their length is not looked at. */
    private static final long MOST_LINK_READS = 1 << 16;

    /** Directories that are known and not read yet: the bound on memory. */
    static final int MOST_WAITING = 1 << 18;

    private static final int ENTRY_BYTES = 32;
    private static final int ATTR_VOLUME_ID = 0x08;
    private static final int ATTR_DIRECTORY = 0x10;
    private static final int ATTR_LONG_NAME = 0x0F;
    private static final int ATTR_LONG_NAME_MASK = 0x3F;
    private static final String DOT = ".          ";
    private static final String DOT_DOT = "..         ";

    /** How a directory entry calls the root directory, whatever its cluster. */
    private static final long ROOT = 0;

    private static final int NAME_END = 0x00;
    private static final int NAME_DELETED = 0xE5;

    private final BlockSource volume;
    private final FatBootSector boot;
    private final FatTable table;
    private final FatLinks links;
    private final ArrayDeque<Directory> waiting = new ArrayDeque<>();
    private Optional<String> label = Optional.empty();
    private int pieces;

    private FatTree(BlockSource volume, FatBootSector boot, FatTable table) {
        this.volume = volume;
        this.boot = boot;
        this.table = table;
        this.links = new FatLinks(volume, boot.type(), boot.fatOffset(0), boot.lastCluster() + 1);
    }

    /** Where a directory begins, and what it calls its parent: 0 if that is the root directory. */
    private record Directory(long firstCluster, long parent) {}

    /** What the walk found. */
    record Outcome(Optional<String> label, Optional<String> whyUnsupported) {}

    /**
     * @throws CorruptStructureException if a directory entry contradicts the table
     */
    static Outcome walk(BlockSource volume, FatBootSector boot, FatTable table) throws IOException {
        FatTree tree = new FatTree(volume, boot, table);
        boolean whole = tree.readRoot();
        while (whole && !tree.waiting.isEmpty()) {
            Directory directory = tree.waiting.remove();
            tree.checkDots(directory);
            whole = tree.readChain(directory.firstCluster(), directory.firstCluster());
        }
        return new Outcome(
                tree.label,
                whole
                        ? Optional.empty()
                        : Optional.of("its directories fill more than %d times %d bytes"
                                .formatted(MOST_PIECES, PIECE_BYTES)));
    }

    private boolean readRoot() throws IOException {
        if (boot.type() == FatType.FAT32) {
            Optional<String> problem = table.claim(boot.rootCluster());
            if (problem.isPresent()) {
                throw new CorruptStructureException(
                        FatBootSector.STRUCTURE, 0x2C, "the root directory " + problem.get());
            }
            return readChain(boot.rootCluster(), ROOT);
        }
        int bytes = boot.rootEntries() * ENTRY_BYTES;
        readRun(boot.rootOffset(), bytes, ROOT);
        return true;
    }

    /** Whether it was not too much. */
    private boolean readChain(long firstCluster, long self) throws IOException {
        long cluster = firstCluster;
        // No cluster is next of two, and the first is nobody's: the chain ends.
        while (cluster < boot.type().bad()) {
            if (pieces > MOST_PIECES) {
                return false;
            }
            if (readRun(boot.clusterOffset(cluster), boot.clusterBytes(), self)) {
                break;
            }
            cluster = links.next(cluster);
        }
        return true;
    }

    /** Whether the directory ends within. */
    private boolean readRun(long offsetBytes, int lengthBytes, long self) throws IOException {
        for (int at = 0; at < lengthBytes; at += PIECE_BYTES) {
            ByteBuffer piece = volume.read(offsetBytes + at, Math.min(PIECE_BYTES, lengthBytes - at))
                    .order(ByteOrder.LITTLE_ENDIAN);
            pieces++;
            for (int entry = 0; entry < piece.limit(); entry += ENTRY_BYTES) {
                if (piece.get(entry) == NAME_END) {
                    return true;
                }
                read(piece, entry, offsetBytes + at + entry, self);
            }
        }
        return false;
    }

    private void read(ByteBuffer directory, int at, long offsetBytes, long self) throws IOException {
        int firstByte = directory.get(at) & 0xff;
        int attributes = directory.get(at + 0x0B) & 0xff;
        long firstCluster = firstCluster(directory, at);
        long fileSize = directory.getInt(at + 0x1C) & 0xFFFF_FFFFL;
        if (firstByte == NAME_DELETED || (attributes & ATTR_LONG_NAME_MASK) == ATTR_LONG_NAME) {
            return;
        } else if ((attributes & ATTR_VOLUME_ID) != 0) {
            if (self == ROOT && label.isEmpty()) {
                label = Optional.of(name(directory, at));
            }
            return;
        }
        boolean directoryEntry = (attributes & ATTR_DIRECTORY) != 0;
        if (directoryEntry && self != ROOT && isDots(directory, at)) {
            return;
        }
        if (firstCluster == 0 && fileSize == 0 && !directoryEntry) {
            return;
        }
        Optional<String> problem = table.claim(firstCluster);
        if (problem.isPresent()) {
            throw corrupt(directory, at, offsetBytes, problem.get());
        }
        if (directoryEntry) {
            if (waiting.size() == MOST_WAITING) {
                throw corrupt(
                        directory,
                        at,
                        offsetBytes,
                        "is one of more than %d directories side by side, which are not supported"
                                .formatted(MOST_WAITING));
            }
            waiting.add(new Directory(firstCluster, self));
        } else {
            checkLength(directory, at, offsetBytes, firstCluster, fileSize);
        }
    }

    private void checkLength(ByteBuffer directory, int at, long offsetBytes, long firstCluster, long fileSize)
            throws IOException {
        long needed = (fileSize + boot.clusterBytes() - 1) / boot.clusterBytes();
        long cluster = firstCluster;
        for (long have = 1; have < needed; have++) {
            if (links.reads() > MOST_LINK_READS) {
                return;
            }
            cluster = links.next(cluster);
            if (cluster > boot.type().bad()) {
                throw corrupt(
                        directory,
                        at,
                        offsetBytes,
                        "of %d bytes has %d clusters of %d bytes".formatted(fileSize, have, boot.clusterBytes()));
            }
        }
    }

    /**
     * A directory begins with an entry for itself and one for its parent. That they are where the boot sector says that the directory begins, proves
     * that what the boot sector says of the whole volume is right.
     */
    private void checkDots(Directory directory) throws IOException {
        long offset = boot.clusterOffset(directory.firstCluster());
        ByteBuffer start = volume.read(offset, 2 * ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        long parent = firstCluster(start, ENTRY_BYTES);
        boolean right = rawName(start, 0).equals(DOT)
                && rawName(start, ENTRY_BYTES).equals(DOT_DOT)
                && firstCluster(start, 0) == directory.firstCluster()
                && (parent == directory.parent() || (directory.parent() == ROOT && parent == boot.rootCluster()));
        if (!right) {
            throw new CorruptStructureException(
                    "directory entry",
                    offset,
                    "cluster %d is no directory in cluster %d".formatted(directory.firstCluster(), directory.parent()));
        }
    }

    private long firstCluster(ByteBuffer directory, int at) {
        long high = boot.type() == FatType.FAT32 ? directory.getShort(at + 0x14) & 0xffffL : 0;
        return (high << 16) | (directory.getShort(at + 0x1A) & 0xffffL);
    }

    private static boolean isDots(ByteBuffer directory, int at) {
        String name = rawName(directory, at);
        return name.equals(DOT) || name.equals(DOT_DOT);
    }

    /** As it is shown; a name cannot begin with 0xE5, which has another meaning, so 0x05 stands for it. */
    private static String name(ByteBuffer directory, int at) {
        String name = rawName(directory, at).stripTrailing();
        return name.startsWith("\u0005") ? "\u00E5" + name.substring(1) : name;
    }

    private static String rawName(ByteBuffer directory, int at) {
        byte[] name = new byte[11];
        directory.get(at, name);
        return new String(name, StandardCharsets.ISO_8859_1);
    }

    private static CorruptStructureException corrupt(ByteBuffer directory, int at, long offsetBytes, String what) {
        String shown = name(directory, at).replaceAll("[^ -~]", "?");
        return new CorruptStructureException("directory entry", offsetBytes, "\"%s\" %s".formatted(shown, what));
    }
}
