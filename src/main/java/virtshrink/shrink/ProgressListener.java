package virtshrink.shrink;

/** Told what a run is doing. Called from the run's own threads, one call at a time; must return quickly. */
public interface ProgressListener {
    /** A phase begins; the one before it has ended. */
    void phaseBegan(Phase phase);

    /**
     * The current phase came further.
     *
     * @param doneBytes 0 to {@code totalBytes}, never falling within a phase
     * @param totalBytes at least 1
     */
    void advanced(long doneBytes, long totalBytes);

    /** Hears nothing. */
    ProgressListener SILENT = new ProgressListener() {
        @Override
        public void phaseBegan(Phase phase) {}

        @Override
        public void advanced(long doneBytes, long totalBytes) {}
    };
}
