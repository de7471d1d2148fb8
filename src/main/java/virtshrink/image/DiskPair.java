package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Two files of one disk, of which one is to give its place to the other: both locked against every writer, the run registered, so that a guest
 * that wants to start gets the disk back. Closing it leaves both files where they are then. For one thread.
 */
public final class DiskPair implements AutoCloseable {
    private final Run run;
    private final Hold hold;
    private final YieldWatch watch;
    private final Locks locks;
    private final List<String> notes;

    private DiskPair(Run run, Hold hold, YieldWatch watch, Locks locks, List<String> notes) {
        this.run = run;
        this.hold = hold;
        this.watch = watch;
        this.locks = locks;
        this.notes = notes;
    }

    private record Locks(ImageLock present, ImageLock successor) {}

    /**
     * Registers the run, asks whether the owner is idle, then locks both.
     *
     * @param present what the guest uses now; symbolic links resolved
     * @param successor what it is to use; likewise
     * @throws ImageRefusedException if either is in use, or in a place where others could exchange it
     */
    public static DiskPair take(RunDirectory runs, Path present, Path successor, RunOwner owner)
            throws IOException, ImageRefusedException {
        List<String> notes = new ArrayList<>(Leftovers.endDeadRuns(runs));
        Run run = Run.begin(runs, owner.domain(), present);
        Hold hold = new Hold(new ChildProcessFactory(ChildListener.NONE));
        // Before the lock, so that nobody can ask in vain.
        YieldWatch watch = YieldWatch.start(run, () -> giveWay(owner, hold));
        Optional<ImageLock> lockOfSuccessor = Optional.empty();
        try {
            owner.requireIdle();
            TrustedDirectory.require(present);
            TrustedDirectory.require(successor);
            ImageLock lockOfPresent = hold.lock(present);
            notes.addAll(Leftovers.removeFilesBeside(present));
            lockOfSuccessor = Optional.of(ImageLock.acquire(successor));
            requireUnused(present, lockOfPresent);
            requireUnused(successor, lockOfSuccessor.get());
            return new DiskPair(run, hold, watch, new Locks(lockOfPresent, lockOfSuccessor.get()), notes);
        } catch (IOException | ImageRefusedException | RuntimeException problem) {
            try {
                close(lockOfSuccessor, hold, watch);
            } finally {
                run.close();
            }
            throw problem;
        }
    }

    private static void requireUnused(Path file, ImageLock lock) throws IOException, ImageRefusedException {
        if (lock.isOpenElsewhere().orElse(false)) {
            throw new ImageRefusedException(file + " is open in another process");
        }
        Dependents.requireNone(file, file, lock.recorded().identity());
    }

    private static void giveWay(RunOwner owner, Hold hold) throws IOException {
        if (owner.giveWay()) {
            hold.giveBack(Duration.ZERO);
        } else {
            hold.awaitGivenBack();
        }
    }

    ImageLock present() {
        return locks.present();
    }

    ImageLock successor() {
        return locks.successor();
    }

    /** The file in use, as it was when it was locked. */
    public FileStamp presentStamp() {
        return FileStamp.of(present().recorded());
    }

    /** The other one, as it was when it was locked. */
    public FileStamp successorStamp() {
        return FileStamp.of(successor().recorded());
    }

    /** What was cleaned up. */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    /** Lets the guest have whichever of the two it is to use. More than once is harmless. */
    public void giveBack() throws IOException {
        successor().release();
        hold.giveBack(Duration.ZERO);
    }

    @Override
    public void close() throws IOException {
        try {
            // The descriptors take their time when that was the last hold on a large deleted file; nobody need wait for
            // it.
            giveBack();
            close(Optional.of(successor()), hold, watch);
        } finally {
            run.close();
        }
    }

    private static void close(Optional<ImageLock> successor, Hold hold, YieldWatch watch) throws IOException {
        try {
            if (successor.isPresent()) {
                successor.get().close();
            }
        } finally {
            try {
                hold.close();
            } finally {
                watch.close();
            }
        }
    }
}
