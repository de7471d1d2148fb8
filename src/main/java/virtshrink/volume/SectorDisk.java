package virtshrink.volume;

import java.io.IOException;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.StructureBytes;

/** A disk addressed by logical sectors, as partition tables do. A last sector that is cut short does not count. */
record SectorDisk(BlockSource source, int sectorBytes) {
    long sectors() {
        return source.sizeBytes() / sectorBytes;
    }

    /** Whether all of these sectors exist. The arguments may be any numbers. */
    boolean contains(long firstLba, long count) {
        return firstLba >= 0 && count >= 0 && count <= sectors() && firstLba <= sectors() - count;
    }

    /** One sector that exists. */
    StructureBytes sector(String structure, long lba) throws IOException {
        return new StructureBytes(structure, lba * sectorBytes, source.read(lba * sectorBytes, sectorBytes));
    }

    /** Where sectors that exist lie. */
    ByteRange range(long firstLba, long count) {
        return new ByteRange(firstLba * sectorBytes, count * sectorBytes);
    }
}
