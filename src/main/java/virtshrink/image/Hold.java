package virtshrink.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What keeps a guest from its image while a run works on it: the children that have it open, and the locks. Any thread can give it back, once
 * and for all, wherever the run's own thread is. Thread-safe.
 */
final class Hold implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Hold.class);
    private static final Duration KILLED_END_LIMIT = Duration.ofSeconds(10);

    private final ChildProcessFactory children;
    private final List<ImageLock> locks = new ArrayList<>();
    private boolean givenBack;

    Hold(ChildProcessFactory children) {
        this.children = children;
    }

    /**
     * Takes the lock on one more file.
     *
     * @throws ImageRefusedException also if all has been given back already: who asked for it must not meet a lock later
     */
    synchronized ImageLock lock(Path file) throws IOException, ImageRefusedException {
        if (givenBack) {
            throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, file + " is needed by somebody else");
        }
        ImageLock taken = ImageLock.acquire(file);
        locks.add(taken);
        return taken;
    }

    /**
     * Ends the children and unlocks the files, in this order: an in-place run's child writes under our lock. More than once is harmless.
     *
     * @param patience how long children may take to end by themselves before they are killed
     */
    void giveBack(Duration patience) throws IOException {
        children.awaitEnd(patience);
        children.killAll("the image has been given back");
        // A killed child gives its locks up when the kernel has ended it: whoever comes next must not meet them.
        if (!children.awaitEnd(KILLED_END_LIMIT)) {
            LOG.warn("a child process does not end although it was killed: the disk below may hang");
        }
        synchronized (this) {
            givenBack = true;
            notifyAll();
            for (ImageLock lock : locks) {
                lock.release();
            }
        }
    }

    /** Waits until another thread has given everything back. */
    synchronized void awaitGivenBack() throws InterruptedIOException {
        while (!givenBack) {
            try {
                wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while the image was being replaced");
            }
        }
    }

    /** Gives everything back, and closes the descriptors, which takes its time where that was the last hold on a large deleted file. */
    @Override
    public void close() throws IOException {
        giveBack(Duration.ZERO);
        List<ImageLock> due;
        synchronized (this) {
            due = List.copyOf(locks);
        }
        Optional<IOException> failure = Optional.empty();
        for (ImageLock lock : due) {
            try {
                lock.close();
            } catch (IOException problem) {
                failure = Optional.of(problem);
            }
        }
        if (failure.isPresent()) {
            throw failure.get();
        }
    }
}
