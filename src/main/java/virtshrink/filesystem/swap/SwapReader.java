package virtshrink.filesystem.swap;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/**
 * Linux swap areas. What a switched-off guest once swapped out is worth nothing, so every page but the header is free, unless the guest
 * is hibernated: then the area holds its memory.
 *
 * <p>A swap area carries no mark of being in use; that the guest really is off is for the caller to know.
 */
public final class SwapReader implements FreeSpaceReader {
    private static final String SWAP = "swap";
    private static final String NEW_MAGIC = "SWAPSPACE2";
    private static final String OLD_MAGIC = "SWAP-SPACE";
    /** In the place of the swap magic; the kernel and its out-of-tree and user-space rivals wrote different ones. */
    private static final List<String> HIBERNATION_MAGICS = List.of("S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001");
    /** TuxOnIce overwrites the beginning and keeps the swap magic. */
    private static final byte[] TUX_ON_ICE = {
        (byte) 0xED, (byte) 0xC3, 0x02, (byte) 0xE9, (byte) 0x98, 0x56, (byte) 0xE5, 0x0C
    };

    private static final int LEAST_PAGE_BYTES = 4096;
    private static final int MOST_PAGE_BYTES = 65536;

    private record Magic(String text, int pageBytes) {}

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return isTuxOnIce(volume) || !magics(volume).isEmpty();
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        if (isTuxOnIce(volume)) {
            return hibernated("TuxOnIce");
        }
        List<Magic> magics = magics(volume);
        for (Magic magic : magics) {
            if (HIBERNATION_MAGICS.contains(magic.text())) {
                return hibernated(magic.text());
            }
        }
        if (magics.size() != 1) {
            return unsupported("swap signatures of %d page sizes".formatted(magics.size()));
        }
        Magic magic = magics.get(0);
        if (magic.text().equals(OLD_MAGIC)) {
            return unsupported("swap area of the old layout 0");
        }
        StructureBytes page = new StructureBytes("swap_header", 0, volume.read(0, magic.pageBytes()));
        long version = SwapHeader.version(page);
        if (version != 1) {
            return unsupported(
                    version == 1 << 24
                            ? "swap area written by a big-endian machine"
                            : "swap area of version %d, 1 is supported".formatted(version));
        }
        if (SwapHeader.hasUnknownFields(page)) {
            return unsupported("swap header uses reserved fields");
        }
        try {
            return free(SwapHeader.parse(page, volume.sizeBytes()));
        } catch (CorruptStructureException broken) {
            return new FilesystemReport(
                    FilesystemIdentity.ofType(SWAP),
                    new FilesystemState.Corrupt(Objects.requireNonNull(broken.getMessage())));
        }
    }

    private static FilesystemReport free(SwapHeader header) {
        long pageBytes = header.pageBytes();
        RangeSet.Builder free = RangeSet.builder();
        long from = 1;
        for (long bad : header.badPages()) {
            free.add(from * pageBytes, (bad - from) * pageBytes);
            from = bad + 1;
        }
        free.add(from * pageBytes, (header.lastPage() + 1 - from) * pageBytes);
        RangeSet ranges = free.build();
        return new FilesystemReport(
                new FilesystemIdentity(
                        SWAP, header.label(), header.uuid(), pageBytes, (header.lastPage() + 1) * pageBytes),
                new FilesystemState.FreeSpace(ranges.totalBytes(), ranges));
    }

    private static boolean isTuxOnIce(BlockSource volume) throws IOException {
        return volume.sizeBytes() >= LEAST_PAGE_BYTES
                && new StructureBytes(SWAP, 0, volume.read(0, TUX_ON_ICE.length)).matches(0, TUX_ON_ICE);
    }

    /** The magic ends the header page, and only its place tells the page size. */
    private static List<Magic> magics(BlockSource volume) throws IOException {
        List<Magic> found = new ArrayList<>();
        for (int pageBytes = LEAST_PAGE_BYTES; pageBytes <= MOST_PAGE_BYTES; pageBytes *= 2) {
            if (pageBytes > volume.sizeBytes()) {
                break;
            }
            int at = pageBytes - SwapHeader.MAGIC_BYTES;
            StructureBytes end = new StructureBytes(SWAP, at, volume.read(at, SwapHeader.MAGIC_BYTES));
            List<String> known = new ArrayList<>(HIBERNATION_MAGICS);
            known.add(NEW_MAGIC);
            known.add(OLD_MAGIC);
            for (String text : known) {
                if (end.matches(0, text.getBytes(US_ASCII))) {
                    found.add(new Magic(text, pageBytes));
                }
            }
        }
        return found;
    }

    private static FilesystemReport hibernated(String by) {
        return new FilesystemReport(
                FilesystemIdentity.ofType("swsuspend"),
                new FilesystemState.Hibernated("the guest is hibernated in this swap area (" + by + ")"));
    }

    private static FilesystemReport unsupported(String reason) {
        return new FilesystemReport(FilesystemIdentity.ofType(SWAP), new FilesystemState.Unsupported(reason));
    }
}
