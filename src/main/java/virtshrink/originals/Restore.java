package virtshrink.originals;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.image.DiskPair;
import virtshrink.image.FileStamp;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.KeptFile;
import virtshrink.image.Restoration;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Puts a kept original back in its place. Used once, by one thread. */
public final class Restore {
    private final Originals originals;
    private final DiskHost host;
    private final RunDirectory runs;
    private final Clock clock;
    private final List<String> notes = new ArrayList<>();

    public Restore(Originals originals, DiskHost host, RunDirectory runs, Clock clock) {
        this.originals = originals;
        this.host = host;
        this.runs = runs;
        this.clock = clock;
    }

    /**
     * Puts it back. On every exception the guest has what it had before, whole, and the original is kept, unless the message says otherwise.
     *
     * @param discardChanges also if the guest has written since the run, which is lost then
     * @return notes for the user
     * @throws ImageRefusedException if it must not be, or the original is not there any more
     * @throws RunCancelledException if it was cancelled, or the guest wanted to start
     */
    public List<String> run(KeptOriginal kept, boolean discardChanges, Cancellation cancellation)
            throws IOException, ImageRefusedException, RunCancelledException {
        if (kept.stage() != Stage.KEPT || Originals.isAtWork(kept)) {
            throw new ImageRefusedException("another run works on the original of " + kept.subject()
                    + ", or died doing so; the daemon settles that at its next start or night");
        }
        IdleGuard guard = guard(kept);
        GuardedOwner owner = new GuardedOwner(guard, cancellation);
        FileStamp original = FileStamp.of(kept.original().file())
                .orElseThrow(() -> new ImageRefusedException("the original of " + kept.subject()
                        + " is gone: there is no " + kept.original().file()));
        if (!original.equals(kept.stamp())) {
            throw new ImageRefusedException(
                    kept.original().file() + " is not the original that was kept, or was written to since");
        }
        if (kept.converted()) {
            moveBack(kept, guard, discardChanges, cancellation);
        } else {
            exchange(kept, owner, discardChanges, cancellation);
        }
        refreshPool(kept);
        return List.copyOf(notes);
    }

    /** What the domain must be, before and until the very moment. */
    private IdleGuard guard(KeptOriginal kept) throws IOException, ImageRefusedException {
        Optional<DomainRecord> domain = host.domain(kept.uuid().toString());
        if (domain.isEmpty()) {
            throw new ImageRefusedException(
                    "the domain " + kept.domain() + " (" + kept.uuid() + ") is no longer defined; its original is "
                            + kept.original().file());
        }
        Optional<String> busy = host.whyNotIdle(domain.get());
        if (busy.isPresent()) {
            throw new ImageRefusedException(busy.get());
        }
        DomainDisk disk = domain.get()
                .disk(kept.target())
                .filter(found -> isAt(found, kept.image().file()))
                .orElseThrow(() -> new ImageRefusedException("the disk " + kept.target() + " of the domain "
                        + kept.domain() + " is no longer " + kept.image().file()));
        Optional<String> other = host.otherUserOf(kept.image().file(), domain.get(), disk);
        if (other.isPresent()) {
            throw new ImageRefusedException(kept.image().file() + " is also used by " + other.get());
        }
        return host.guard(domain.get(), disk);
    }

    private static boolean isAt(DomainDisk disk, Path image) {
        try {
            return disk.file().isPresent() && disk.file().get().toRealPath().equals(image);
        } catch (IOException gone) {
            return false;
        }
    }

    private void exchange(KeptOriginal kept, GuardedOwner owner, boolean discardChanges, Cancellation cancellation)
            throws IOException, ImageRefusedException, RunCancelledException {
        Path image = kept.image().file();
        Path original = kept.original().file();
        try (DiskPair pair = DiskPair.take(runs, image, original, owner)) {
            notes.addAll(pair.notes());
            requireAsKept(kept, pair, discardChanges);
            KeptOriginal returning =
                    kept.with(kept.stamp(), Optional.of(pair.presentStamp())).at(Stage.RETURNING, clock.instant());
            originals.workOn(returning);
            try {
                owner.requireIdle();
                cancellation.passPointOfNoReturn();
                notes.addAll(new Restoration(pair, image, original).run());
                originals.forget(kept);
            } catch (ImageRefusedException | RunCancelledException stopped) {
                originals.write(kept);
                throw stopped;
            } finally {
                originals.letGo(kept);
            }
        }
    }

    private void requireAsKept(KeptOriginal kept, DiskPair pair, boolean discardChanges) throws ImageRefusedException {
        if (!pair.successorStamp().equals(kept.stamp())) {
            throw new ImageRefusedException(kept.original().file() + " was written to while it was being put back");
        }
        requireUnchanged(kept, pair.presentStamp(), discardChanges);
    }

    private void requireUnchanged(KeptOriginal kept, FileStamp present, boolean discardChanges)
            throws ImageRefusedException {
        if (kept.isReplacementUnchanged(present)) {
            return;
        }
        if (!discardChanges) {
            throw new ImageRefusedException(
                    kept.image().file() + " has been written to since " + kept.since()
                            + ": whatever the guest has stored since then would be lost for ever; to lose it, say --discard-changes");
        }
        notes.add("what the guest has stored in " + kept.image().file() + " since " + kept.since() + " is lost");
    }

    private void moveBack(KeptOriginal kept, IdleGuard guard, boolean discardChanges, Cancellation cancellation)
            throws IOException, ImageRefusedException, RunCancelledException {
        FileStamp present = FileStamp.of(kept.image().file())
                .orElseThrow(() -> new NoSuchFileException(kept.image().file().toString()));
        requireUnchanged(kept, present, discardChanges);
        KeptOriginal returning = kept.with(kept.stamp(), Optional.of(present)).at(Stage.RETURNING, clock.instant());
        originals.workOn(returning);
        try {
            new Handover(host, runs, guard, cancellation).back(returning);
            originals.forget(kept);
            removeReplacement(kept, present);
        } catch (ImageRefusedException | RunCancelledException stopped) {
            originals.write(kept);
            throw stopped;
        } finally {
            originals.letGo(kept);
        }
    }

    private void removeReplacement(KeptOriginal kept, FileStamp present) throws IOException {
        if (KeptFile.remove(kept.image().file(), present) instanceof KeptFile.Removal.LeftAlone left) {
            notes.add("the domain has its original again; the qcow2 image is left where it is: " + left.reason());
        }
    }

    /** A pool that still shows the old figures is a blemish, not a failure. */
    private void refreshPool(KeptOriginal kept) {
        try {
            host.changed(kept.original().file().resolveSibling("."));
        } catch (LibvirtUnavailableException e) {
            notes.add("the storage pool still shows the old files: " + e.getMessage());
        }
    }
}
