package virtshrink.filesystem;

import java.io.IOException;
import virtshrink.block.BlockSource;

/**
 * Knows one filesystem format. Implementations are stateless and may be used from several threads.
 *
 * <p>The volume's content is an attacker's to choose: both methods are bounded in time and memory on any input, and structures that
 * contradict their specification are an answer, never an exception.
 */
public interface FreeSpaceReader {
    /** Whether the format's signature is present; says nothing about the rest. */
    boolean recognises(BlockSource volume) throws IOException;

    /**
     * Reads what the filesystem says of itself. Called only after {@link #recognises} said yes.
     *
     * @throws IOException only if the volume cannot be read
     */
    FilesystemReport read(BlockSource volume) throws IOException;
}
