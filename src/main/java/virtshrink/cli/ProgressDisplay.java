package virtshrink.cli;

import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;

/** Shows what a run is doing. */
interface ProgressDisplay extends ProgressListener, AutoCloseable {
    /** Names what the phases that follow work on: an image, a domain. */
    void subject(String name);

    /** Takes away what was drawn; nothing is shown afterwards. */
    @Override
    void close();

    /** Shows nothing. */
    ProgressDisplay NONE = new ProgressDisplay() {
        @Override
        public void subject(String name) {}

        @Override
        public void phaseBegan(Phase phase) {}

        @Override
        public void advanced(long doneBytes, long totalBytes) {}

        @Override
        public void close() {}
    };
}
