package virtshrink.shrink;

/** Told how far a {@link ClassicalFiller} is. Called from the thread that fills; must return quickly. */
@FunctionalInterface
public interface FillProgress {
    /**
     * More was written.
     *
     * @param writtenBytes never falling
     * @param expectedBytes at least {@code writtenBytes} and at least 1; grows when the filesystem takes more than it said
     */
    void advanced(long writtenBytes, long expectedBytes);

    /** Hears nothing. */
    FillProgress SILENT = (writtenBytes, expectedBytes) -> {};
}
