package virtshrink.volume;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.Optional;
import virtshrink.block.StructureBytes;

/** Partition tables of other systems: named, so that nothing on such a disk is mistaken for a filesystem without a table. */
final class ForeignTable {
    /** Everything looked at lies in these first bytes of a disk. */
    static final int HEAD_BYTES = 8192;

    private static final int BLOCK_BYTES = 512;
    private static final long DISKLABEL_MAGIC = 0x82564557L;

    private ForeignTable() {}

    /** As {@code blkid(8)} names it. */
    static Optional<String> kind(StructureBytes head) {
        if (isApple(head)) {
            return Optional.of("mac");
        } else if (isDisklabel(head)) {
            return Optional.of("bsd");
        } else if (isSun(head)) {
            return Optional.of("sun");
        } else if (head.u32be(0) == 0x0BE5A941L) {
            return Optional.of("sgi");
        } else if (head.u32be(0) == 0xC9C2D4C1L) {
            return Optional.of("aix");
        } else if (isAmiga(head)) {
            return Optional.of("amiga");
        }
        return Optional.empty();
    }

    private static boolean isApple(StructureBytes head) {
        int blockBytes = head.u16be(2);
        return startsWith(head, 0, "ER")
                && (startsWith(head, BLOCK_BYTES, "PM")
                        // Farther out than what is looked at: Linux would go there, so nobody says that there is none.
                        || blockBytes > HEAD_BYTES / 2
                        || (blockBytes >= BLOCK_BYTES && startsWith(head, blockBytes, "PM")));
    }

    // Sector 1 on PCs, byte 64 or 128 of sector 0 elsewhere; the magic number stands twice in each.
    private static boolean isDisklabel(StructureBytes head) {
        for (int at : new int[] {64, 128, BLOCK_BYTES}) {
            boolean little = head.u32le(at) == DISKLABEL_MAGIC && head.u32le(at + 132) == DISKLABEL_MAGIC;
            boolean big = head.u32be(at) == DISKLABEL_MAGIC && head.u32be(at + 132) == DISKLABEL_MAGIC;
            if (little || big) {
                return true;
            }
        }
        return false;
    }

    private static boolean isSun(StructureBytes head) {
        int sum = 0;
        for (int at = 0; at < BLOCK_BYTES; at += 2) {
            sum ^= head.u16be(at);
        }
        return head.u16be(508) == 0xDABE && sum == 0;
    }

    private static boolean isAmiga(StructureBytes head) {
        for (int at = 0; at < head.length(); at += BLOCK_BYTES) {
            if (startsWith(head, at, "RDSK")) {
                return true;
            }
        }
        return false;
    }

    private static boolean startsWith(StructureBytes head, int at, String magic) {
        return head.matches(at, magic.getBytes(US_ASCII));
    }
}
