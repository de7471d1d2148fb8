package virtshrink.filesystem;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;

/** Flips every bit of a structure, one at a time: whatever a reader then says, it never calls more free than before. Not thread-safe. */
public final class ByteFlips {
    private final FreeSpaceReader reader;
    private final MemoryDisk disk;
    private final RangeSet free;

    /** On a clean disk, which is changed and changed back. */
    public ByteFlips(FreeSpaceReader reader, MemoryDisk disk) throws IOException {
        this.reader = reader;
        this.disk = disk;
        FilesystemState clean = reader.read(disk).state();
        this.free = assertInstanceOf(FilesystemState.FreeSpace.class, clean, clean::reasonText)
                .free();
    }

    /** A flipped bit, and what was said of it. */
    public record Flip(long offsetBytes, int bit, FilesystemState state) {
        @Override
        public String toString() {
            return "bit " + bit + " of byte " + offsetBytes + ": " + state.contractName() + " " + state.reasonText();
        }
    }

    /** Every bit of a range; returns those flips after which free space was still reported, none of it more than before. */
    public List<Flip> unnoticedIn(ByteRange range) throws IOException {
        List<Flip> unnoticed = new ArrayList<>();
        for (long offset = range.startBytes(); offset < range.endBytes(); offset++) {
            for (int bit = 0; bit < 8; bit++) {
                Flip flip = flip(offset, bit);
                if (flip.state() instanceof FilesystemState.FreeSpace space) {
                    assertTrue(space.free().subtract(free).isEmpty(), () -> "more is free than was: " + flip);
                    unnoticed.add(flip);
                }
            }
        }
        return unnoticed;
    }

    /** Every bit of a range that a checksum covers is noticed. */
    public void assertAllNoticedIn(String structure, ByteRange range) throws IOException {
        List<Flip> unnoticed = unnoticedIn(range);
        assertTrue(unnoticed.isEmpty(), () -> structure + ": " + unnoticed);
    }

    private Flip flip(long offset, int bit) throws IOException {
        byte[] bytes = disk.bytes();
        int at = Math.toIntExact(offset);
        bytes[at] ^= (byte) (1 << bit);
        try {
            // A signature that is gone is noticed too.
            FilesystemState state = reader.recognises(disk)
                    ? reader.read(disk).state()
                    : new FilesystemState.Unsupported("not recognised");
            return new Flip(offset, bit, state);
        } finally {
            bytes[at] ^= (byte) (1 << bit);
        }
    }
}
