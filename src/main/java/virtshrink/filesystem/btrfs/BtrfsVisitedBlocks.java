package virtshrink.filesystem.btrfs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * Logical addresses of tree blocks that were read or are pointed to: the extent tree must call all of them used. Eight bytes a block. Not
 * thread-safe.
 */
final class BtrfsVisitedBlocks {
    /** 32 GiB of blocks of 16 KiB: the bound on memory, and on what an attacker can make us read. */
    static final int MOST_BLOCKS = 1 << 21;

    private static final int SEGMENT = 1 << 14;

    private final BtrfsSuperBlock superblock;
    private final List<long[]> segments = new ArrayList<>();
    private int count;

    BtrfsVisitedBlocks(BtrfsSuperBlock superblock) {
        this.superblock = superblock;
    }

    /** @throws CorruptStructureException if there are more than the filesystem says it uses */
    void add(long bytenr) {
        long most = Math.min(MOST_BLOCKS, superblock.bytesUsed() / superblock.nodeBytes());
        if (count >= most) {
            throw new CorruptStructureException(
                    BtrfsTreeBlock.STRUCTURE,
                    bytenr,
                    "more than %d tree blocks, in a filesystem that uses %d bytes"
                            .formatted(most, superblock.bytesUsed()));
        }
        if (count % SEGMENT == 0) {
            segments.add(new long[SEGMENT]);
        }
        segments.get(count / SEGMENT)[count % SEGMENT] = bytenr;
        count++;
    }

    /** The first block, if any, of which the set holds a byte. */
    Optional<Long> firstIn(RangeSet logical) {
        for (int i = 0; i < segments.size(); i++) {
            int length = Math.min(SEGMENT, count - i * SEGMENT);
            for (long bytenr : Arrays.copyOf(segments.get(i), length)) {
                if (logical.overlaps(new ByteRange(bytenr, superblock.nodeBytes()))) {
                    return Optional.of(bytenr);
                }
            }
        }
        return Optional.empty();
    }
}
