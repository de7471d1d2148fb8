package virtshrink.filesystem.ext;

import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * {@code struct mmp_struct}, the block by which hosts tell one another that they have the filesystem mounted.
 *
 * @param sequence {@code mmp_seq}
 */
record ExtMmpBlock(long sequence) {
    static final String STRUCTURE = "mmp_struct";
    static final int LENGTH_BYTES = 1024;

    private static final long MAGIC = 0x004D4D50L;
    private static final long CLEAN = 0xFF4D4D50L;
    private static final long FSCK = 0xE24D4D50L;

    static ExtMmpBlock parse(StructureBytes bytes, ExtChecksums checksums) {
        long magic = bytes.u32le(0x0);
        long sequence = bytes.u32le(0x4);
        if (magic != MAGIC) {
            throw bytes.corrupt(0x0, "magic number 0x%x, expected 0x%x".formatted(magic, MAGIC));
        }
        if (!checksums.trailingMatches(bytes, 0x3FC)) {
            throw bytes.corrupt(0x3FC, "checksum does not match");
        }
        return new ExtMmpBlock(sequence);
    }

    Optional<String> whyDirty() {
        if (sequence == CLEAN) {
            return Optional.empty();
        }
        return Optional.of(
                sequence == FSCK
                        ? "multiple-mount protection says that e2fsck is running; if it is not, e2fsck -f clears that"
                        : "multiple-mount protection says that it is mounted (sequence 0x%x); if it is not, e2fsck clears that"
                                .formatted(sequence));
    }
}
