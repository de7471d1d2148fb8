package virtshrink.image;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.os.Priority;

/** Changes the priority of children; one that cannot be changed stays as it is. */
final class ChildPriority {
    private static final Logger LOG = LoggerFactory.getLogger(ChildPriority.class);

    private ChildPriority() {}

    /** For a child that has just been started: it gets only what others leave of processors and disks. */
    static void lower(Process child) {
        set(child, Priority.BACKGROUND);
    }

    /** For a child that is to end: it must run once more to close its files, and with them its locks on the image. */
    static void restore(Process child) {
        if (child.isAlive()) {
            set(child, Priority.NORMAL);
        }
    }

    private static void set(Process child, Priority priority) {
        try {
            priority.applyToProcess(child.pid());
        } catch (IOException problem) {
            LOG.debug("process {} keeps its priority", child.pid(), problem);
        }
    }
}
