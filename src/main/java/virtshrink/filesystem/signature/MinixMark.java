package virtshrink.filesystem.signature;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.signature.Signature.Details;
import virtshrink.filesystem.signature.Signature.Mark;

/**
 * Minix superblocks carry two magic bytes in the middle of other filesystems' superblocks, so the sizes of their maps must fit as well: the
 * same test as {@code fsck.minix} makes.
 */
enum MinixMark implements Mark {
    /** Versions 1 and 2. */
    FIRST {
        @Override
        boolean fits(StructureBytes sb, Order order) {
            int magic = order.u16(sb, 16);
            boolean second = magic == 0x2468 || magic == 0x2478;
            long zones = second ? order.u32(sb, 20) : order.u16(sb, 2);
            return Set.of(0x137F, 0x138F, 0x2468, 0x2478).contains(magic)
                    && (order.u16(sb, 18) & ~3) == 0
                    && order.u16(sb, 10) == 0
                    && mapsFit(order.u16(sb, 0), order.u16(sb, 4), zones, order.u16(sb, 6), order.u16(sb, 8));
        }
    },
    THIRD {
        @Override
        boolean fits(StructureBytes sb, Order order) {
            return order.u16(sb, 24) == 0x4D5A
                    && order.u16(sb, 12) == 0
                    && mapsFit(
                            order.u32(sb, 0), order.u16(sb, 6), order.u32(sb, 20), order.u16(sb, 8), order.u16(sb, 10));
        }
    };

    private static final int SUPERBLOCK = 1024;
    private static final long BITS_PER_BLOCK = 8 * 1024;

    abstract boolean fits(StructureBytes sb, Order order);

    @Override
    public Optional<Details> find(VolumeWindow volume) throws IOException {
        StructureBytes sb = volume.at(SUPERBLOCK, 32);
        boolean found = fits(sb, new Order(false)) || fits(sb, new Order(true));
        return found ? Optional.of(Details.NONE) : Optional.empty();
    }

    private static boolean mapsFit(long inodes, long inodeMaps, long zones, long zoneMaps, long firstZone) {
        return inodes > 0
                && inodeMaps * BITS_PER_BLOCK >= inodes + 1
                && firstZone <= zones
                && zoneMaps * BITS_PER_BLOCK >= zones - firstZone + 1;
    }

    record Order(boolean bigEndian) {
        int u16(StructureBytes sb, int at) {
            return bigEndian ? sb.u16be(at) : sb.u16le(at);
        }

        long u32(StructureBytes sb, int at) {
            return bigEndian ? sb.u32be(at) : sb.u32le(at);
        }
    }
}
