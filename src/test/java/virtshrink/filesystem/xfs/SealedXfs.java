package virtshrink.filesystem.xfs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemState;

/** A small filesystem of one group in memory, to be broken on purpose, with checksums that are right again. */
final class SealedXfs {
    static final int SECTOR = 512;

    /** A part of the filesystem that has a checksum of its own in version 5. */
    record Structure(String name, int offset, int length, int crcAt) {
        ByteRange range() {
            return new ByteRange(offset, length);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    final MemoryDisk disk;
    private final boolean v5;
    private final int blockBytes;

    private SealedXfs(MemoryDisk disk) {
        this.disk = disk;
        this.blockBytes = u32(4);
        this.v5 = (u32(100) >>> 16 & 0xf) == 5;
    }

    static SealedXfs load(Path image) throws IOException {
        return new SealedXfs(MemoryDisk.load(image));
    }

    SealedXfs copy() {
        return new SealedXfs(disk.copy());
    }

    FilesystemState read() {
        try {
            return new XfsReader().read(disk).state();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    static Structure superblock() {
        return new Structure("superblock", 0, SECTOR, 224);
    }

    static Structure agf() {
        return new Structure("AGF", SECTOR, SECTOR, XfsAgf.CRC_AT);
    }

    static Structure agi() {
        return new Structure("AGI", 2 * SECTOR, SECTOR, XfsAgi.CRC_AT);
    }

    static Structure agfl() {
        return new Structure("AGFL", 3 * SECTOR, SECTOR, XfsAgfl.CRC_AT);
    }

    /** The roots of the trees that every version has, and of those that this one has besides. */
    List<Structure> roots() {
        List<Structure> roots = new ArrayList<>(
                List.of(root("bnobt", SECTOR + 16), root("cntbt", SECTOR + 20), root("inobt", 2 * SECTOR + 20)));
        if (v5) {
            roots.add(root("rmapbt", SECTOR + 24));
            roots.add(root("refcountbt", SECTOR + 88));
            roots.add(root("finobt", 2 * SECTOR + 328));
        }
        return roots;
    }

    private Structure root(String name, int pointerAt) {
        return new Structure(name, u32(pointerAt) * blockBytes, blockBytes, 52);
    }

    List<Structure> all() {
        List<Structure> all = new ArrayList<>(List.of(superblock(), agf(), agi(), agfl()));
        all.addAll(roots());
        return all;
    }

    int logOffset() {
        // One group: the log's block number is its place.
        return u32(52) * blockBytes;
    }

    int logBytes() {
        return u32(96) * blockBytes;
    }

    int u32(int at) {
        return ByteBuffer.wrap(disk.bytes()).getInt(at);
    }

    SealedXfs u32(Structure structure, int at, long value) {
        disk.u32be(structure.offset() + at, value);
        return seal(structure);
    }

    SealedXfs u8(Structure structure, int at, int value) {
        disk.put(structure.offset() + at, value);
        return seal(structure);
    }

    SealedXfs seal(Structure structure) {
        if (v5) {
            ByteBuffer content = ByteBuffer.wrap(disk.bytes(), structure.offset(), structure.length());
            disk.u32le(structure.offset() + structure.crcAt(), XfsChecksum.of(content, structure.crcAt()));
        }
        return this;
    }
}
