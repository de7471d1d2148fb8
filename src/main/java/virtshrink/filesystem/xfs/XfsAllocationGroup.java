package virtshrink.filesystem.xfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * An allocation group that agrees with itself: what its header calls free, its two trees of free extents, and everything that says in another
 * way which of its blocks are in use.
 */
final class XfsAllocationGroup {
    private final BlockSource volume;
    private final XfsGeometry geometry;
    private final int group;
    private final XfsLsn logEnd;
    private final XfsFreeExtents free;
    private final XfsAgf agf;
    private final XfsAgi agi;
    private final long[] freeList;
    /** Of the tree that says what is free, which is not known before it is read. */
    private long[] bnoBlocks = new long[16];

    private int bnoBlockCount;
    private long treeBlocks;

    private XfsAllocationGroup(BlockSource volume, XfsGeometry geometry, int group, XfsLsn logEnd) throws IOException {
        this.volume = volume;
        this.geometry = geometry;
        this.group = group;
        this.logEnd = logEnd;
        this.free = new XfsFreeExtents(geometry.headerBlocks(), geometry.groupBlocks(group));
        int sector = geometry.superblock().sectorBytes();
        ByteBuffer headers = volume.read(geometry.headerOffsetBytes(group, 0), 4 * sector);
        if (group > 0) {
            geometry.superblock().verifyCopy(header(headers, 0, XfsSuperblock.STRUCTURE));
        }
        this.agf = XfsAgf.parse(header(headers, 1, XfsAgf.STRUCTURE), geometry, group, logEnd);
        this.agi = XfsAgi.parse(header(headers, 2, XfsAgi.STRUCTURE), geometry, group, logEnd);
        this.freeList = XfsAgfl.parse(header(headers, 3, XfsAgfl.STRUCTURE), geometry, group, agf, logEnd);
    }

    /**
     * Reads a group.
     *
     * @param logEnd where the log goes on
     * @throws CorruptStructureException if anything contradicts anything
     */
    static XfsAllocationGroup read(BlockSource volume, XfsGeometry geometry, int group, XfsLsn logEnd)
            throws IOException {
        XfsAllocationGroup read = new XfsAllocationGroup(volume, geometry, group, logEnd);
        read.readFreeSpace();
        read.readInodes();
        read.readOwners();
        read.verifyTreeBlocks();
        return read;
    }

    XfsFreeExtents free() {
        return free;
    }

    XfsAgi agi() {
        return agi;
    }

    /** Blocks that {@code sb_fdblocks} counts: the free ones, and those that a full group would give back from its trees and its list. */
    long countedAsFree() {
        return agf.freeblks() + agf.flcount() + treeBlocks;
    }

    private void readFreeSpace() throws IOException {
        treeBlocks += walk(XfsBtreeKind.BNO, agf.bnoRoot(), agf.bnoLevels(), free, this::rememberBlock) - 1;
        if (free.blocks() != agf.freeblks() || free.longest() != agf.longest()) {
            throw corrupt(
                    XfsAgf.STRUCTURE,
                    1,
                    "%d free blocks, %d of them in the longest extent, the trees say %d and %d"
                            .formatted(agf.freeblks(), agf.longest(), free.blocks(), free.longest()));
        }
        for (int i = 0; i < bnoBlockCount; i++) {
            verifyNotFree(bnoBlocks[i]);
        }
        for (long block : freeList) {
            verifyNotFree(block);
        }
        if (group == geometry.logGroup()
                && free.overlaps(
                        geometry.logBlock(),
                        geometry.logBlock() + geometry.superblock().logblocks())) {
            throw corrupt(XfsAgf.STRUCTURE, 1, "calls blocks of the log free");
        }
        XfsFreeExtents.ByLength byLength = free.new ByLength();
        treeBlocks += walk(XfsBtreeKind.CNT, agf.cntRoot(), agf.cntLevels(), byLength, this::verifyNotFree) - 1;
        byLength.verifyComplete(geometry.offsetBytes(group, agf.cntRoot()));
    }

    private void readInodes() throws IOException {
        long rootino = geometry.superblock().rootino();
        int inodeBits = geometry.superblock().agblklog() + geometry.superblock().inopblog();
        boolean holdsRoot = rootino >>> inodeBits == group;
        long wanted = holdsRoot ? rootino & ((1L << inodeBits) - 1) : -1;
        XfsInodeChunks chunks = new XfsInodeChunks(geometry, group, free, wanted);
        long blocks = walk(XfsBtreeKind.INO, agi.root(), agi.levels(), chunks, this::verifyNotFree);
        verifyInodes(chunks.count() == agi.count() && chunks.freecount() == agi.freecount());
        verifyInodes(!holdsRoot || chunks.found());
        boolean counted = geometry.features().hasRoCompat(XfsFeatures.RO_COMPAT_INOBTCNT);
        verifyInodes(!counted || blocks == agi.iblocks());
        if (geometry.features().hasRoCompat(XfsFeatures.RO_COMPAT_FINOBT)) {
            XfsInodeChunks withFree = new XfsInodeChunks(geometry, group, free, -1);
            blocks = walk(XfsBtreeKind.FINO, agi.freeRoot(), agi.freeLevels(), withFree, this::verifyNotFree);
            verifyInodes(withFree.freecount() == agi.freecount() && withFree.count() <= agi.count());
            verifyInodes(!counted || blocks == agi.fblocks());
        }
    }

    private void verifyInodes(boolean condition) {
        if (!condition) {
            throw corrupt(
                    XfsAgi.STRUCTURE, 2, "its trees do not have the inodes or blocks that it says, or lack the root");
        }
    }

    private void readOwners() throws IOException {
        if (geometry.features().hasRoCompat(XfsFeatures.RO_COMPAT_RMAPBT)) {
            XfsReverseMappings mappings = new XfsReverseMappings(geometry, group, free);
            long blocks = walk(XfsBtreeKind.RMAP, agf.rmapRoot(), agf.rmapLevels(), mappings, this::verifyNotFree);
            mappings.verifyComplete(geometry.offsetBytes(group, agf.rmapRoot()));
            treeBlocks += blocks - 1;
            if (blocks != agf.rmapBlocks()) {
                throw corrupt(
                        XfsAgf.STRUCTURE,
                        1,
                        "%d blocks of reverse mappings, there are %d".formatted(agf.rmapBlocks(), blocks));
            }
        }
        if (geometry.features().hasRoCompat(XfsFeatures.RO_COMPAT_REFLINK)) {
            XfsSharedBlocks shared = new XfsSharedBlocks(geometry, group, free);
            long blocks =
                    walk(XfsBtreeKind.REFCOUNT, agf.refcountRoot(), agf.refcountLevels(), shared, this::verifyNotFree);
            if (blocks != agf.refcountBlocks()) {
                throw corrupt(
                        XfsAgf.STRUCTURE,
                        1,
                        "%d blocks of reference counts, there are %d".formatted(agf.refcountBlocks(), blocks));
            }
        }
    }

    private void verifyTreeBlocks() {
        if (geometry.features().hasLazyCounters() && treeBlocks != agf.btreeblks()) {
            throw corrupt(
                    XfsAgf.STRUCTURE, 1, "%d blocks of trees, there are %d".formatted(agf.btreeblks(), treeBlocks));
        }
    }

    private long walk(XfsBtreeKind kind, long root, long levels, XfsBtree.Records records, XfsBtree.Blocks blocks)
            throws IOException {
        return XfsBtree.walk(volume, geometry, group, logEnd, kind, root, levels, records, blocks);
    }

    private void rememberBlock(long block) {
        if (bnoBlockCount == bnoBlocks.length) {
            bnoBlocks = Arrays.copyOf(bnoBlocks, bnoBlockCount * 2);
        }
        bnoBlocks[bnoBlockCount] = block;
        bnoBlockCount++;
    }

    private void verifyNotFree(long block) {
        if (free.overlaps(block, block + 1)) {
            throw corrupt(XfsAgf.STRUCTURE, 1, "block %d is called free and holds metadata".formatted(block));
        }
    }

    private StructureBytes header(ByteBuffer headers, int index, String structure) {
        int sector = geometry.superblock().sectorBytes();
        return new StructureBytes(
                structure, geometry.headerOffsetBytes(group, index), headers.slice(index * sector, sector));
    }

    private CorruptStructureException corrupt(String structure, int header, String reason) {
        return new CorruptStructureException(
                structure, geometry.headerOffsetBytes(group, header), "group %d: %s".formatted(group, reason));
    }
}
