package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/** The twelve sectors at the beginning of an exFAT volume, which end in a checksum, and the twelve behind them that are their backup. */
final class ExfatBootRegion {
    private static final String STRUCTURE = "exFAT boot region";
    private static final int SECTORS = 12;
    private static final int CHECKSUM_SECTOR = 11;
    private static final int VOLUME_FLAGS = 106;
    private static final int PERCENT_IN_USE = 112;

    private ExfatBootRegion() {}

    /**
     * Proves that both regions carry the right checksum and describe the same volume.
     *
     * @throws virtshrink.block.CorruptStructureException if not
     */
    static void check(BlockSource volume, ExfatBootSector boot) throws IOException {
        int length = SECTORS * boot.sectorBytes();
        byte[] main = region(volume, 0, boot.sectorBytes());
        byte[] backup = region(volume, length, boot.sectorBytes());
        // What changes with every mount is not kept up to date in the backup; what a boot loader put into the main
        // region need not be there either.
        backup[VOLUME_FLAGS] = main[VOLUME_FLAGS];
        backup[VOLUME_FLAGS + 1] = main[VOLUME_FLAGS + 1];
        backup[PERCENT_IN_USE] = main[PERCENT_IN_USE];
        int difference = Arrays.mismatch(main, 0, PERCENT_IN_USE, backup, 0, PERCENT_IN_USE);
        if (difference >= 0) {
            throw new StructureBytes(STRUCTURE, length, ByteBuffer.wrap(backup))
                    .corrupt(difference, "the backup describes another volume than the main boot region does");
        }
    }

    private static byte[] region(BlockSource volume, long offsetBytes, int sectorBytes) throws IOException {
        byte[] region = volume.read(offsetBytes, SECTORS * sectorBytes).array();
        StructureBytes structure = new StructureBytes(STRUCTURE, offsetBytes, ByteBuffer.wrap(region));
        int checksumAt = CHECKSUM_SECTOR * sectorBytes;
        int checksum = 0;
        for (int at = 0; at < checksumAt; at++) {
            if (at != VOLUME_FLAGS && at != VOLUME_FLAGS + 1 && at != PERCENT_IN_USE) {
                checksum = ExfatChecksums.add(checksum, region[at]);
            }
        }
        for (int at = checksumAt; at < region.length; at += Integer.BYTES) {
            if ((int) structure.u32le(at) != checksum) {
                throw structure.corrupt(
                        at,
                        "checksum 0x%08x does not match the content's 0x%08x".formatted(structure.u32le(at), checksum));
            }
        }
        return region;
    }
}
