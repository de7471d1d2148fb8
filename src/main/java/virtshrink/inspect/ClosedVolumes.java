package virtshrink.inspect;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.filesystem.closed.ClosedMark;
import virtshrink.filesystem.closed.ClosedMarks;

/** Asked about filesystems that no reader supports. May be used from several threads. */
@FunctionalInterface
public interface ClosedVolumes {
    /**
     * Whether a volume was closed by whoever wrote to it last.
     *
     * @param type of the only filesystem that was recognised in it
     * @return empty if that cannot be told of this type
     * @throws IOException only if the volume cannot be read
     */
    Optional<ClosedMark> markOf(String type, BlockSource volume) throws IOException;

    /** Every mark that this program knows. */
    ClosedVolumes KNOWN = ClosedMarks::of;

    /** Nothing is asked. */
    ClosedVolumes NONE = (type, volume) -> Optional.empty();
}
