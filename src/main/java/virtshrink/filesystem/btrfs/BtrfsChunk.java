package virtshrink.filesystem.btrfs;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_chunk}: a run of the logical address space, and where its bytes lie on the device.
 *
 * @param logical first byte in the logical address space, from the item's key
 * @param length in both address spaces
 * @param type what may be allocated here, and the profile
 * @param physical where each copy begins on the device; empty unless the profile is supported
 */
record BtrfsChunk(long logical, long length, long type, List<Long> physical) {
    static final String STRUCTURE = "btrfs_chunk";

    /** {@code BTRFS_FIRST_CHUNK_TREE_OBJECTID}: of the keys of all chunks. */
    static final long OBJECTID = 256;

    static final int DATA = 0x1;
    static final int SYSTEM = 0x2;
    static final int METADATA = 0x4;
    private static final int DUP = 0x20;
    private static final int TYPES = DATA | SYSTEM | METADATA;

    private static final int HEAD_BYTES = 48;
    private static final int STRIPE_BYTES = 32;
    private static final int STRIPE_LEN = 64 << 10;
    private static final Map<Long, String> PROFILES = Map.of(
            0x8L, "raid0", 0x10L, "raid1", 0x40L, "raid10", 0x80L, "raid5", 0x100L, "raid6", 0x200L, "raid1c3", 0x400L,
            "raid1c4");

    /** Length of a chunk with the given number of stripes. */
    static int lengthBytes(int numStripes) {
        return HEAD_BYTES + numStripes * STRIPE_BYTES;
    }

    /**
     * @param bytes begin with the chunk
     * @throws virtshrink.block.CorruptStructureException if it contradicts the format or the superblock
     */
    static BtrfsChunk parse(BtrfsKey key, StructureBytes bytes, BtrfsSuperBlock superblock) {
        long length = bytes.u63le(0);
        long owner = bytes.i64le(8);
        long stripeLen = bytes.i64le(16);
        long type = bytes.i64le(24);
        long sectorSize = bytes.u32le(40);
        int numStripes = bytes.u16le(44);

        int sectorBytes = superblock.sectorBytes();
        if (key.objectid() != OBJECTID || key.type() != BtrfsKey.CHUNK_ITEM) {
            throw bytes.corrupt(0, "key %s is not a chunk's".formatted(key));
        }
        if (key.offset() < 0 || key.offset() % sectorBytes != 0) {
            throw bytes.corrupt(0, "logical address %d".formatted(key.offset()));
        }
        if (length == 0 || length % sectorBytes != 0 || length > Long.MAX_VALUE - key.offset()) {
            throw bytes.corrupt(0, "length %d".formatted(length));
        }
        if (owner != BtrfsRootItem.EXTENT_TREE) {
            throw bytes.corrupt(8, "owner %d, expected the extent tree".formatted(owner));
        }
        if (stripeLen != STRIPE_LEN || sectorSize != sectorBytes) {
            throw bytes.corrupt(16, "stripe length %d, sector size %d".formatted(stripeLen, sectorSize));
        }
        checkType(bytes, type, superblock);
        List<Long> physical = new ArrayList<>();
        if (unsupportedProfile(type) == 0) {
            if (numStripes != ((type & DUP) != 0 ? 2 : 1)) {
                throw bytes.corrupt(44, "%d stripes in a chunk of type 0x%x".formatted(numStripes, type));
            }
            for (int stripe = 0; stripe < numStripes; stripe++) {
                physical.add(stripe(bytes, lengthBytes(stripe), length, superblock));
            }
        }
        return new BtrfsChunk(key.offset(), length, type, List.copyOf(physical));
    }

    /** The logical address behind the last. */
    long end() {
        return logical + length;
    }

    boolean holds(int kind) {
        return (type & kind) != 0;
    }

    boolean contains(long address, long lengthBytes) {
        return address >= logical && address < end() && lengthBytes <= end() - address;
    }

    /** Names the profile that is not supported. */
    Optional<String> whyUnsupported() {
        long profile = unsupportedProfile(type);
        return profile == 0
                ? Optional.empty()
                : Optional.of("profile %s of the chunk at %d is not supported"
                        .formatted(PROFILES.getOrDefault(profile, "0x%x".formatted(profile)), logical));
    }

    private static long unsupportedProfile(long type) {
        return type & ~(TYPES | DUP);
    }

    private static void checkType(StructureBytes bytes, long type, BtrfsSuperBlock superblock) {
        long kinds = type & TYPES;
        boolean mixed = superblock.features().hasIncompat(BtrfsFeatures.INCOMPAT_MIXED_GROUPS);
        if (Long.bitCount(kinds) != 1 && !(mixed && kinds == (DATA | METADATA))) {
            throw bytes.corrupt(24, "type 0x%x".formatted(type));
        }
    }

    private static long stripe(StructureBytes bytes, int at, long length, BtrfsSuperBlock superblock) {
        BtrfsDevItem device = superblock.devItem();
        long devid = bytes.i64le(at);
        long offset = bytes.u63le(at + 8);
        BtrfsUuid devUuid = BtrfsUuid.parse(bytes, at + 16);
        if (devid != device.devid() || !devUuid.equals(device.uuid())) {
            throw bytes.corrupt(at, "stripe on device %d (%s), which is not this one".formatted(devid, devUuid));
        }
        long deviceBytes = superblock.deviceBytes();
        if (offset % superblock.sectorBytes() != 0 || length > deviceBytes || offset > deviceBytes - length) {
            throw bytes.corrupt(
                    at + 8, "stripe of %d bytes at %d on a device of %d".formatted(length, offset, deviceBytes));
        }
        return offset;
    }
}
