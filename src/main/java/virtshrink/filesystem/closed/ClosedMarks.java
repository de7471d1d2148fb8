package virtshrink.filesystem.closed;

import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/** Reads the marks, by the type of the filesystem. Stateless; bounded in time and memory on any content. */
public final class ClosedMarks {
    private static final Map<String, Mark> BY_TYPE =
            Map.of("udf", UdfIntegrity::of, "jfs", JfsSuperblock::mark, "reiserfs", ReiserfsSuperblock::mark);

    private ClosedMarks() {}

    /** Reads the mark of one type. */
    interface Mark {
        ClosedMark read(BlockSource volume) throws IOException;
    }

    /**
     * What a filesystem says of itself.
     *
     * @param type as {@code blkid(8)} names it; its signature has been found
     * @return empty for a type of which this program knows no such mark
     * @throws IOException only if the volume cannot be read
     */
    public static Optional<ClosedMark> of(String type, BlockSource volume) throws IOException {
        Mark mark = BY_TYPE.get(type);
        if (mark == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(mark.read(volume));
        } catch (CorruptStructureException broken) {
            return Optional.of(new ClosedMark.Unusable(Objects.requireNonNull(broken.getMessage())));
        }
    }
}
