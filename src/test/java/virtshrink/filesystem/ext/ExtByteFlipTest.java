package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.Corrupt;

/** Every checksum that the format carries is proven to be checked. */
class ExtByteFlipTest {
    private static CapturedImage image(String name) {
        return name.equals("metadata_csum") ? CapturedImage.metadataCsum() : CapturedImage.gdtCsum();
    }

    @ParameterizedTest
    @ValueSource(strings = {"metadata_csum", "gdt_csum"})
    void noFlippedBitOfTheSuperblockGivesAnotherFreeMap(String name) {
        CapturedImage image = image(name);
        RangeSet free = freeOf(image.read().state());
        for (int bit = 0; bit < 1024 * 8; bit++) {
            FilesystemState state = flipped(image, CapturedImage.SUPERBLOCK, bit);
            assertTrue(
                    freeOf(state).isEmpty() || freeOf(state).equals(free),
                    "bit " + bit % 8 + " of byte " + bit / 8 + ": " + state);
        }
    }

    @Test
    void onlyTheBitThatDeclaresTheChecksumEscapesTheSuperblocksChecksum() {
        CapturedImage image = CapturedImage.metadataCsum();
        int declaredAt = 0x64 * 8 + 10;
        for (int bit = 0; bit < 1024 * 8; bit++) {
            if (bit != declaredAt) {
                assertInstanceOf(Corrupt.class, flipped(image, CapturedImage.SUPERBLOCK, bit), "bit " + bit);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"metadata_csum", "gdt_csum"})
    void everyFlippedBitOfAGroupDescriptorIsFound(String name) {
        CapturedImage image = image(name);
        for (int bit = 0; bit < CapturedImage.GROUPS * image.descriptorBytes() * 8; bit++) {
            FilesystemState state = flipped(image, CapturedImage.DESCRIPTORS, bit);
            assertTrue(
                    state instanceof Corrupt corrupt
                            && corrupt.reason().contains("checksum of group " + bit / 8 / image.descriptorBytes()),
                    "bit " + bit + ": " + state);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"metadata_csum", "gdt_csum"})
    void everyFlippedBitOfABlockBitmapIsFound(String name) {
        CapturedImage image = image(name);
        for (int group = 0; group < CapturedImage.GROUPS; group++) {
            boolean uninitialised = (image.u16(image.descriptorAt(group) + 0x12) & 2) != 0;
            for (int bit = 0; bit < CapturedImage.CLUSTERS_PER_GROUP && !uninitialised; bit++) {
                FilesystemState state = flipped(image, image.bitmapAt(group), bit);
                assertInstanceOf(Corrupt.class, state, "bit " + bit + " of group " + group);
            }
        }
    }

    @Test
    void exchangedBitsOfABlockBitmapAreFoundByItsChecksum() {
        CapturedImage image = CapturedImage.metadataCsum();
        int at = image.bitmapAt(0) + 20;
        image.u8(at, 0x0F).u8(at + 1, 0xF0);
        assertInstanceOf(Corrupt.class, image.read().state());
    }

    private static FilesystemState flipped(CapturedImage image, int start, int bit) {
        int at = start + bit / 8;
        image.bytes[at] ^= (byte) (1 << bit % 8);
        FilesystemState state = image.read().state();
        image.bytes[at] ^= (byte) (1 << bit % 8);
        return state;
    }

    private static RangeSet freeOf(FilesystemState state) {
        return state instanceof FilesystemState.FreeSpace space ? space.free() : RangeSet.empty();
    }
}
