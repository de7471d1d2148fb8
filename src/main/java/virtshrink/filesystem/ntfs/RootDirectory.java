package virtshrink.filesystem.ntfs;

import static java.nio.charset.StandardCharsets.UTF_16LE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;
import virtshrink.block.Bitmap;
import virtshrink.block.StructureBytes;

/**
 * The index {@code $I30} of the root directory. All blocks in use are searched, in the order in which they lie: a search down the tree would
 * have to trust the volume's own sorting of names.
 */
final class RootDirectory {
    private static final String INDEX = "$I30";
    private static final String ROOT = "INDEX_ROOT";
    private static final String BLOCK = "INDEX_ALLOCATION_BUFFER";
    private static final int INDX = 0x58444E49;
    private static final int LAST_ENTRY = 0x2;
    private static final int PIECE_BYTES = 1 << 20;
    /** Some millions of names. */
    private static final long MOST_INDEX_BYTES = 1L << 30;

    private final MasterFileTable mft;
    private final String wanted;

    private RootDirectory(MasterFileTable mft, String wanted) {
        this.mft = mft;
        this.wanted = wanted;
    }

    /**
     * The reference of a file in the root directory, whatever the case of its name.
     *
     * @param name ASCII letters, digits and dots
     */
    static OptionalLong find(MasterFileTable mft, String name) throws IOException {
        NtfsFile root = mft.file(MasterFileTable.ROOT, "the root directory");
        AttributeStream indexRoot = root.attribute(AttributeRecord.INDEX_ROOT, INDEX)
                .orElseThrow(() -> root.base().bytes().corrupt(0, "the root directory has no index"));
        long offsetBytes = root.base().bytes().offsetBytes();
        StructureBytes head = new StructureBytes(ROOT, offsetBytes, ByteBuffer.wrap(indexRoot.resident()));
        long attributeType = head.u32le(0x00);
        long blockBytes = head.u32le(0x08);
        if (attributeType != AttributeRecord.FILE_NAME
                || blockBytes < UpdateSequence.STRIDE_BYTES
                || blockBytes > 64 << 10
                || Long.bitCount(blockBytes) != 1) {
            throw head.corrupt(0x08, "index of attribute 0x%x in blocks of %d".formatted(attributeType, blockBytes));
        }
        RootDirectory directory = new RootDirectory(mft, name);
        OptionalLong found = directory.searchEntries(head, 0x10);
        if (found.isPresent()) {
            return found;
        }
        Optional<AttributeStream> allocation = root.attribute(AttributeRecord.INDEX_ALLOCATION, INDEX);
        if (allocation.isEmpty()) {
            return OptionalLong.empty();
        }
        AttributeStream bitmap = root.attribute(AttributeRecord.BITMAP, INDEX)
                .orElseThrow(() -> root.base().bytes().corrupt(0, "the root directory's index has no bitmap"));
        return directory.searchBlocks(allocation.get(), bitmap, (int) blockBytes, head);
    }

    private OptionalLong searchBlocks(
            AttributeStream allocation, AttributeStream bitmap, int blockBytes, StructureBytes head)
            throws IOException {
        long bytes = allocation.initialisedBytes();
        boolean plain = !allocation.isResident() && !allocation.isCompressedOrEncrypted() && !allocation.isSparse();
        if (!plain || bytes > MOST_INDEX_BYTES || bitmap.isCompressedOrEncrypted()) {
            throw head.corrupt(0, "index of %d bytes is not supported".formatted(bytes));
        }
        int blocks = (int) (bytes / blockBytes);
        if (bitmap.dataBytes() < (blocks + 7) / 8 || bytes % blockBytes != 0) {
            throw head.corrupt(0, "bitmap of %d bytes for %d index blocks".formatted(bitmap.dataBytes(), blocks));
        }
        Bitmap inUse = new Bitmap(mft.read(bitmap, 0, (blocks + 7) / 8), blocks);
        int atOnce = Math.max(1, PIECE_BYTES / blockBytes);
        int block = inUse.nextSet(0);
        while (block < blocks) {
            int count = Math.min(atOnce, inUse.nextClear(block) - block);
            ByteBuffer piece = mft.read(allocation, (long) block * blockBytes, count * blockBytes);
            for (int i = 0; i < count; i++) {
                OptionalLong found =
                        searchBlock(piece.slice(i * blockBytes, blockBytes), (long) (block + i) * blockBytes);
                if (found.isPresent()) {
                    return found;
                }
            }
            block = inUse.nextSet(block + count);
        }
        return OptionalLong.empty();
    }

    private OptionalLong searchBlock(ByteBuffer block, long offsetBytes) {
        StructureBytes raw = new StructureBytes(BLOCK, offsetBytes, block.slice(0, 8));
        if ((int) raw.u32le(0) != INDX) {
            throw raw.corrupt(0, "no INDX mark in a block of the root directory that is in use");
        }
        UpdateSequence.apply(BLOCK, offsetBytes, block);
        return searchEntries(new StructureBytes(BLOCK, offsetBytes, block), 0x18);
    }

    /** @param at where the {@code INDEX_HEADER} lies */
    private OptionalLong searchEntries(StructureBytes bytes, int at) {
        long firstEntry = bytes.u32le(at);
        long usedBytes = bytes.u32le(at + 0x04);
        if (usedBytes > bytes.length() - at || firstEntry > usedBytes) {
            throw bytes.corrupt(at, "entries from %d to %d".formatted(firstEntry, usedBytes));
        }
        int entry = at + (int) firstEntry;
        int end = at + (int) usedBytes;
        while (true) {
            int length = bytes.u16le(entry + 0x08);
            int keyLength = bytes.u16le(entry + 0x0A);
            int flags = bytes.u16le(entry + 0x0C);
            if (length < 0x10 || length % 8 != 0 || length > end - entry) {
                throw bytes.corrupt(entry + 0x08, "index entry of %d bytes".formatted(length));
            }
            if ((flags & LAST_ENTRY) != 0) {
                return OptionalLong.empty();
            }
            if (keyLength < 0x42 || keyLength > length - 0x10) {
                throw bytes.corrupt(entry + 0x0A, "file name attribute of %d bytes".formatted(keyLength));
            }
            int name = entry + 0x10;
            int nameLength = bytes.u8(name + 0x40);
            if (0x42 + nameLength * 2 > keyLength) {
                throw bytes.corrupt(name + 0x40, "name of %d characters".formatted(nameLength));
            }
            if (nameLength == wanted.length()
                    && new String(bytes.bytes(name + 0x42, nameLength * 2), UTF_16LE).equalsIgnoreCase(wanted)) {
                return OptionalLong.of(bytes.i64le(entry));
            }
            entry += length;
        }
    }
}
