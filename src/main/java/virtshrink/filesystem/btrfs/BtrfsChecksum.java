package virtshrink.filesystem.btrfs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The checksum algorithms that {@code csum_type} names, in the order of their numbers. Superblock and tree blocks begin with a field of 32
 * bytes for the checksum of all that follows that field; of the field, only as many bytes count as the algorithm gives.
 */
enum BtrfsChecksum {
    CRC32C,
    XXHASH64,
    SHA256,
    BLAKE2B;

    /** Length of the field {@code csum} before what it covers. */
    static final int FIELD_BYTES = 32;

    static Optional<BtrfsChecksum> ofType(int csumType) {
        return csumType < values().length ? Optional.of(values()[csumType]) : Optional.empty();
    }

    /** Whether the structure begins with the checksum of its rest. */
    boolean matches(byte[] structure) {
        byte[] computed = of(structure, FIELD_BYTES, structure.length - FIELD_BYTES);
        return Arrays.equals(structure, 0, computed.length, computed, 0, computed.length);
    }

    byte[] of(byte[] bytes, int offset, int length) {
        return switch (this) {
            case CRC32C -> {
                CRC32C crc = new CRC32C();
                crc.update(bytes, offset, length);
                yield little(Integer.BYTES).putInt((int) crc.getValue()).array();
            }
            case XXHASH64 ->
                little(Long.BYTES).putLong(XxHash64.of(bytes, offset, length)).array();
            case SHA256 -> {
                MessageDigest digest = sha256();
                digest.update(bytes, offset, length);
                yield digest.digest();
            }
            case BLAKE2B -> Blake2b256.of(bytes, offset, length);
        };
    }

    private static ByteBuffer little(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException absent) {
            throw new IllegalStateException("every Java platform has SHA-256", absent);
        }
    }
}
