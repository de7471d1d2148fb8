package virtshrink.originals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.image.DiskPair;
import virtshrink.image.FileStamp;
import virtshrink.image.ImagePlace;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.RedefinitionRefusedException;
import virtshrink.originals.Redefinition.Answer;
import virtshrink.os.Errno;
import virtshrink.os.OsException;
import virtshrink.os.Renames;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/**
 * Gives a domain's disk from one whole file to another by changing the domain's definition, with both files locked. The record of it is on the
 * disk before, so that {@link Upkeep} can settle what a crash leaves. Used once.
 */
final class Handover {
    private static final Logger LOG = LoggerFactory.getLogger(Handover.class);

    private final DiskHost host;
    private final RunDirectory runs;
    private final IdleGuard guard;
    private final Cancellation cancellation;

    Handover(DiskHost host, RunDirectory runs, IdleGuard guard, Cancellation cancellation) {
        this.host = host;
        this.runs = runs;
        this.guard = guard;
        this.cancellation = cancellation;
    }

    /**
     * From the raw original to its copy.
     *
     * @param moving on the disk already
     * @param ready where the verified copy lies; it gets its name here
     * @throws ImageRefusedException if it must not be: the definition is as it was, and the copy has no other name
     * @throws RunCancelledException likewise, because the guest wanted to start or the run was cancelled
     * @throws IOException if something failed; {@link Upkeep} finds out what the definition is
     */
    void there(KeptOriginal moving, Path ready) throws IOException, ImageRefusedException, RunCancelledException {
        FileStamp copy = moving.replacement().orElseThrow();
        Path named = moving.image().file();
        Runnable takeAway = () -> takeAway(named, copy, ready);
        Redefinition redefinition = new Redefinition(
                guard,
                cancellation,
                () -> host.move(moving.uuid(), moving.target(), moving.original(), moving.image()),
                takeAway);
        Optional<Answer> answer;
        try (DiskPair pair = DiskPair.take(runs, moving.original().file(), ready, redefinition)) {
            requireAsRecorded(pair, moving.stamp(), copy);
            redefinition.requireIdle();
            place(ready, named);
            try {
                answer = redefinition.ask();
            } catch (RunCancelledException stopped) {
                takeAway.run();
                throw stopped;
            }
            pair.giveBack();
        }
        new Settling(moving.original(), moving.image(), moving, takeAway).settle(answer, redefinition);
    }

    /** From the copy back to the raw original; as {@link #there}, except that both have their names already. */
    void back(KeptOriginal returning) throws IOException, ImageRefusedException, RunCancelledException {
        Runnable nothingToTake = () -> LOG.warn("{}: libvirt has not changed the definition", returning.subject());
        Redefinition redefinition = new Redefinition(
                guard,
                cancellation,
                () -> host.move(returning.uuid(), returning.target(), returning.image(), returning.original()),
                nothingToTake);
        Optional<Answer> answer;
        try (DiskPair pair = DiskPair.take(
                runs, returning.image().file(), returning.original().file(), redefinition)) {
            requireAsRecorded(pair, returning.replacement().orElseThrow(), returning.stamp());
            redefinition.requireIdle();
            answer = redefinition.ask();
            pair.giveBack();
        }
        new Settling(returning.image(), returning.original(), returning, nothingToTake).settle(answer, redefinition);
    }

    private static void requireAsRecorded(DiskPair pair, FileStamp present, FileStamp successor)
            throws ImageRefusedException {
        if (!pair.presentStamp().equals(present) || !pair.successorStamp().equals(successor)) {
            throw new ImageRefusedException("one of the two images was written to since it was looked at");
        }
    }

    private static void place(Path ready, Path named) throws IOException, ImageRefusedException {
        try {
            Renames.noReplace(ready, named);
        } catch (OsException problem) {
            if (problem.is(Errno.EEXIST)) {
                throw new ImageRefusedException(named + " exists already");
            }
            throw problem;
        }
        Renames.syncDirectory(named.resolveSibling("."));
    }

    /** No guest may find the copy by that name when it has the original. Nothing else that has the name is touched. */
    static void takeAway(Path named, FileStamp copy, Path ready) {
        try {
            if (FileStamp.of(named).filter(copy::sameFile).isPresent()) {
                Renames.noReplace(named, ready);
                Renames.syncDirectory(named.resolveSibling("."));
            }
        } catch (OsException problem) {
            LOG.error("{} must not be used: it is older than the disk of the guest: {}", named, problem.toString());
        }
    }

    /** What has to follow the call, when both files have been given back. */
    private final class Settling {
        private final ImagePlace from;
        private final ImagePlace to;
        private final KeptOriginal kept;
        private final Runnable takeAway;

        Settling(ImagePlace from, ImagePlace to, KeptOriginal kept, Runnable takeAway) {
            this.from = from;
            this.to = to;
            this.kept = kept;
            this.takeAway = takeAway;
        }

        void settle(Optional<Answer> answer, Redefinition redefinition)
                throws IOException, ImageRefusedException, RunCancelledException {
            if (answer.isEmpty()) {
                undo(redefinition.late());
                throw new RunCancelledException("a guest wants to start");
            }
            switch (answer.get()) {
                case DONE -> LOG.debug("{}: is {} now", kept.subject(), to.file());
                case REFUSED -> {
                    takeAway.run();
                    throw new ImageRefusedException(redefinition.reason());
                }
                case UNKNOWN -> {
                    if (!isDefinedAs(to)) {
                        // A libvirt that hangs may change it yet.
                        takeAway.run();
                        throw new IOException(redefinition.reason());
                    }
                }
            }
        }

        /** The guest has what it had; so must its definition. */
        private void undo(Optional<Answer> late) throws IOException {
            if (late.equals(Optional.of(Answer.REFUSED))) {
                return;
            }
            if (late.isPresent()) {
                try {
                    host.move(kept.uuid(), kept.target(), to, from);
                } catch (RedefinitionRefusedException isAsItWas) {
                    LOG.debug("{}: the definition has not been changed", kept.subject(), isAsItWas);
                }
            }
            if (!late.equals(Optional.of(Answer.DONE))) {
                throw new IOException("a guest wants to start, and libvirt does not say what the definition of "
                        + kept.domain() + " is");
            }
        }

        private boolean isDefinedAs(ImagePlace place) throws IOException {
            Optional<DomainRecord> domain = host.domain(kept.uuid().toString());
            return domain.flatMap(found -> found.disk(kept.target()))
                    .filter(disk -> names(disk, place))
                    .isPresent();
        }
    }

    /** Whether the definition names that file, which need not exist. */
    static boolean names(DomainDisk disk, ImagePlace place) {
        if (disk.file().isEmpty() || !disk.formatName().equals(place.format().qemuName())) {
            return false;
        }
        Path named = disk.file().get();
        try {
            return named.toRealPath().equals(place.file());
        } catch (IOException notThere) {
            return named.normalize().equals(place.file());
        }
    }
}
