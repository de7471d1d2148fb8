package virtshrink.daemon;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.os.StorageDevice;

/**
 * Does the jobs of one night, as many at once as there are slots for, each on a thread of its own. Used by one thread, which decides what begins
 * when and waits for the end of everything that it let begin.
 */
final class Crew {
    private static final Logger LOG = LoggerFactory.getLogger(Crew.class);

    /** How late it may be noticed, while all slots are taken, that one that runs has put an end to everything. */
    private static final Duration TICK = Duration.ofMillis(500);

    private final DiskSlots slots;
    private final Gate gate;
    private final List<Thread> threads = new ArrayList<>();
    private Optional<Exception> end = Optional.empty();

    /** Asked before each job. */
    interface Gate {
        /** Returns when the next job may begin; throws if none may any more. */
        void pass() throws WorkOverException;
    }

    /** The work on one domain. */
    record Job(String domain, Set<StorageDevice> devices, Work work) implements DiskSlots.Occupant {
        Job {
            devices = Set.copyOf(devices);
        }
    }

    /** What a job does. Called on a thread of its own. */
    interface Work {
        /**
         * Does it.
         *
         * @throws WorkOverException if nothing else should begin either; what has begun goes on
         * @throws LibvirtUnavailableException likewise
         */
        void run() throws WorkOverException, LibvirtUnavailableException;
    }

    Crew(DiskSlots slots, Gate gate) {
        this.slots = slots;
        this.gate = gate;
    }

    /**
     * Returns when all jobs have been done.
     *
     * @param jobs in the order in which they are to begin, as far as slots allow
     * @throws WorkOverException if some were left out; those that had begun have ended
     * @throws LibvirtUnavailableException likewise
     */
    void work(List<Job> jobs) throws WorkOverException, LibvirtUnavailableException {
        List<Job> waiting = new ArrayList<>(jobs);
        try {
            while (!waiting.isEmpty() && end().isEmpty()) {
                if (roomFor(waiting)) {
                    gate.pass();
                    beginFirst(waiting);
                }
            }
        } finally {
            awaitAll();
        }
        rethrow(end());
    }

    /** Nothing, if somebody else was faster or one that runs has put an end to everything. */
    private void beginFirst(List<Job> waiting) {
        if (end().isEmpty()) {
            slots.takeFirst(waiting).ifPresent(job -> {
                waiting.remove(job);
                begin(job);
            });
        }
    }

    private boolean roomFor(List<Job> waiting) throws WorkOverException {
        try {
            return slots.awaitRoomFor(waiting, TICK);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WorkOverException(CurrentWork.STOPPING);
        }
    }

    private void begin(Job job) {
        threads.removeIf(thread -> !thread.isAlive());
        Thread thread = new Thread(() -> run(job), "disks of " + job.domain());
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
    }

    private void run(Job job) {
        try {
            job.work().run();
        } catch (WorkOverException | LibvirtUnavailableException e) {
            endBy(e);
        } catch (RuntimeException bug) {
            LOG.error("internal error in the work on {}", job.domain(), bug);
        } finally {
            slots.release(job);
        }
    }

    private synchronized Optional<Exception> end() {
        return end;
    }

    private synchronized void endBy(Exception reason) {
        if (end.isEmpty()) {
            end = Optional.of(reason);
        }
    }

    private static void rethrow(Optional<Exception> end) throws WorkOverException, LibvirtUnavailableException {
        if (end.isPresent() && end.get() instanceof WorkOverException over) {
            throw over;
        }
        if (end.isPresent() && end.get() instanceof LibvirtUnavailableException unavailable) {
            throw unavailable;
        }
    }

    /** Through interrupts: whoever goes on after this counts on nobody being at work. */
    private void awaitAll() {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        threads.clear();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
