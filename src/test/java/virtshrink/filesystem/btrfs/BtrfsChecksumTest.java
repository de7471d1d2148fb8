package virtshrink.filesystem.btrfs;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Against the test vectors of the specifications and, for lengths around the algorithms' blocks, against other implementations: Python's
 * {@code hashlib.blake2b} and a transcription of the xxHash specification in Python.
 */
class BtrfsChecksumTest {
    @Test
    void xxHash64KnowsTheVectorsOfItsReference() {
        assertEquals(0xef46db3751d8e999L, xxHash64(""));
        assertEquals(0xd24ec4f1a98c6e5bL, xxHash64("a"));
        assertEquals(0x44bc2cf5ad770999L, xxHash64("abc"));
    }

    @ParameterizedTest
    @CsvSource({
        "0, ef46db3751d8e999",
        "1, a96c7f0ce858bbb7",
        "3, 56e6957632a487f9",
        "4, c60d15b1e3ff8f04",
        "7, afbefc3d6c6f9a8e",
        "8, 3da5c7aa269683e0",
        "31, 4a74f3a1a39ad4a1",
        "32, 8d57d6a4671cc43d",
        "33, 62c9fd21ed857664",
        "63, 5c320a0d2707057f",
        "100, efa0ad2d3e70c151",
        "127, 4822f4e67f60ea91",
        "128, 725a5b9b3bedfe94",
        "129, 28fc8362643627d7",
        "256, 7c1ff7b1d57c10d5",
        "1000, 99594f4828043d35"
    })
    void xxHash64OfEveryLength(int length, String expected) {
        // An offset that is no multiple of anything.
        byte[] bytes = new byte[length + 5];
        System.arraycopy(pattern(length), 0, bytes, 5, length);
        assertEquals(expected, HexFormat.of().toHexDigits(XxHash64.of(bytes, 5, length)));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
        "1, 873e4fe9e41e924911bba3ec53ff4782efc8c0f244fb75c879f8a4328d0142ca",
        "3, c6e841ce4b815c8b14b50c3b354f69115702a4afd19fb1a6aa4dae0d86859bda",
        "63, 0745452c1dfca7e1ea6051fc7112a622b0131377e4ab08825d5b8223b37e0a8a",
        "127, cb805dad055a842f1092d84639d7fe552ac7189003dc8d2fc4606d01921b8962",
        "128, 82783c69cecd49386e8825c6b20f3b41a43b4c9e3a21b627d88bf025046e4c72",
        "129, b71e24c47c2d5cc68a99732abb05b9f80f2ecdd7744e9d111f453bb26f917e69",
        "256, 39041a8098f94c795b569a413ef8f0477df2ee6c974e77c065ca884b008f6b3d",
        "1000, 5d0119acc3b3fb1d1e878b458ef4140eee7d2ecaec6cdbe8a095b6c2da4b06b7"
    })
    void blake2bOfEveryLength(int length, String expected) {
        byte[] bytes = new byte[length + 5];
        System.arraycopy(pattern(length), 0, bytes, 5, length);
        assertEquals(expected, HexFormat.of().formatHex(Blake2b256.of(bytes, 5, length)));
    }

    @Test
    void crc32cIsThatOfIscsi() {
        // RFC 3720, appendix B.4: 32 bytes of ones, and of zeros; least significant byte first.
        byte[] ones = new byte[32];
        Arrays.fill(ones, (byte) 0xff);
        assertEquals("43aba862", HexFormat.of().formatHex(BtrfsChecksum.CRC32C.of(ones, 0, 32)));
        assertEquals("aa36918a", HexFormat.of().formatHex(BtrfsChecksum.CRC32C.of(new byte[32], 0, 32)));
    }

    @Test
    void sha256IsThatOfTheStandard() {
        assertEquals(
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                HexFormat.of().formatHex(BtrfsChecksum.SHA256.of("abc".getBytes(US_ASCII), 0, 3)));
    }

    @Test
    void coversWhatFollowsItsField() {
        byte[] structure = pattern(200);
        for (BtrfsChecksum checksum : BtrfsChecksum.values()) {
            byte[] sum = checksum.of(structure, BtrfsChecksum.FIELD_BYTES, 200 - BtrfsChecksum.FIELD_BYTES);
            System.arraycopy(sum, 0, structure, 0, sum.length);
            assertTrue(checksum.matches(structure));
            structure[199]++;
            assertFalse(checksum.matches(structure));
        }
    }

    @Test
    void numbersAreThoseOfTheFormat() {
        assertEquals(Optional.of(BtrfsChecksum.CRC32C), BtrfsChecksum.ofType(0));
        assertEquals(Optional.of(BtrfsChecksum.XXHASH64), BtrfsChecksum.ofType(1));
        assertEquals(Optional.of(BtrfsChecksum.SHA256), BtrfsChecksum.ofType(2));
        assertEquals(Optional.of(BtrfsChecksum.BLAKE2B), BtrfsChecksum.ofType(3));
        assertEquals(Optional.empty(), BtrfsChecksum.ofType(4));
    }

    private static long xxHash64(String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        return XxHash64.of(bytes, 0, bytes.length);
    }

    private static byte[] pattern(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + 7);
        }
        return bytes;
    }
}
