package virtshrink.nbd;

import java.io.IOException;

/** Takes the extents of a range in ascending order, without gaps. Called from the thread that asked. */
@FunctionalInterface
public interface ExtentConsumer {
    /**
     * One run of bytes that the server gives one status. Neighbours may carry the same flags.
     *
     * @param startBytes from the start of the export
     * @param lengthBytes at least 1
     * @param flags as the metadata context defines them
     */
    void extent(long startBytes, long lengthBytes, int flags) throws IOException;
}
