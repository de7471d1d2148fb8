package virtshrink.filesystem.swap;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.HibernationMark;

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
    /** @param hibernated that it is in the place of the swap area's own */
    private record Magic(String text, int pageBytes, boolean hibernated) {}

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return overwritten(volume).isPresent() || !magics(volume).isEmpty();
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        Optional<String> overwritten = overwritten(volume);
        if (overwritten.isPresent()) {
            return hibernated(overwritten.get());
        }
        List<Magic> magics = magics(volume);
        for (Magic magic : magics) {
            if (magic.hibernated()) {
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

    private static Optional<String> overwritten(BlockSource volume) throws IOException {
        return volume.sizeBytes() < HibernationMark.PAGE_BYTES.get(0)
                ? Optional.empty()
                : HibernationMark.atStart(
                        volume.read(0, HibernationMark.LENGTH_BYTES).array());
    }

    /** The magic ends the header page, and only its place tells the page size. */
    private static List<Magic> magics(BlockSource volume) throws IOException {
        List<Magic> found = new ArrayList<>();
        for (int pageBytes : HibernationMark.PAGE_BYTES) {
            if (pageBytes > volume.sizeBytes()) {
                break;
            }
            int at = pageBytes - SwapHeader.MAGIC_BYTES;
            StructureBytes end = new StructureBytes(SWAP, at, volume.read(at, SwapHeader.MAGIC_BYTES));
            HibernationMark.atEnd(end.bytes(0, HibernationMark.LENGTH_BYTES))
                    .ifPresent(mark -> found.add(new Magic(mark, pageBytes, true)));
            for (String text : List.of(NEW_MAGIC, OLD_MAGIC)) {
                if (end.matches(0, text.getBytes(US_ASCII))) {
                    found.add(new Magic(text, pageBytes, false));
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
