package virtshrink.shrink;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.CompanionImage;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.Pace;
import virtshrink.image.RunDirectory;
import virtshrink.image.RunOwner;
import virtshrink.image.ServedDisk;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.inspect.GuestDisk;

/**
 * A look at all disks of a guest before any is worked on: what one of them says about the others. Writes nothing and locks nothing, so it only
 * decides what a run looks at, and what it leaves alone; each run looks again under its locks. Used once, by one thread.
 */
final class FirstLook implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FirstLook.class);

    /** Each costs a server of some 10 MiB while it is looked at together with others. A volume group over more disks is left alone. */
    private static final int MOST_TOGETHER = 32;

    private final List<Seen> all = new ArrayList<>();
    private final Pace pace;
    private final Cancellation cancellation;

    private FirstLook(Pace pace, Cancellation cancellation) {
        this.pace = pace;
        this.cancellation = cancellation;
    }

    /**
     * Looks.
     *
     * @param cancellation of all runs on these disks: ends the look, after which none of them begins
     * @return what each disk's run has to know, in the order of the disks
     */
    static List<RunContext> at(List<ShrinkRequest> disks, Pace pace, Cancellation cancellation) {
        try (FirstLook look = new FirstLook(pace, cancellation)) {
            for (ShrinkRequest disk : disks) {
                if (cancellation.reason().isEmpty()) {
                    look.all.add(look.at(disk));
                }
            }
            look.together();
            return cancellation.reason().isEmpty()
                    ? look.contexts()
                    : Collections.nCopies(disks.size(), notSeen(cancellation));
        }
    }

    private static RunContext notSeen(Cancellation cancellation) {
        return new RunContext(
                Optional.empty(), cancellation.reason(), Optional.empty(), cancellation.reason(), List.of());
    }

    private Seen at(ShrinkRequest disk) {
        Seen seen = new Seen(disk, cancellation);
        boolean done = false;
        try {
            seen.look(pace);
            done = true;
            return seen;
        } finally {
            if (!done) {
                seen.close();
            }
        }
    }

    /** Volume groups may reach from one disk to others; what they hold shows only when all of them are there. */
    private void together() {
        List<Seen> parts =
                all.stream().filter(Seen::isServed).limit(MOST_TOGETHER + 1).toList();
        if (parts.size() < 2
                || parts.size() > MOST_TOGETHER
                || cancellation.reason().isPresent()) {
            return;
        }
        List<DiskInspection> inspections;
        try {
            inspections = DiskView.inspector(
                            parts.stream().allMatch(disk -> disk.replaysJournals),
                            parts.stream().allMatch(disk -> DiskView.mounts(disk.request)))
                    .inspectTogether(parts.stream().map(Seen::guestDisk).toList());
        } catch (IOException unreadable) {
            // What each says by itself stands, and what reaches further is left alone.
            if (cancellation.reason().isEmpty()) {
                LOG.warn("the disks of a domain could not be read together", unreadable);
            }
            return;
        }
        for (int i = 0; i < parts.size(); i++) {
            parts.get(i).seenTogether(inspections.get(i));
        }
    }

    private List<RunContext> contexts() {
        Optional<String> suspended = Optional.empty();
        Optional<String> doubt = Optional.empty();
        Optional<String> unfinished = Optional.empty();
        Optional<String> hidden = Optional.empty();
        boolean replayed = false;
        for (Seen disk : all) {
            if (disk.said.isEmpty()) {
                doubt = Optional.of(disk.name() + " cannot be looked at, so the guest may be suspended and need this");
                continue;
            }
            Said said = disk.said.get();
            suspended = said.suspended().or(keep(suspended));
            doubt = said.doubt().or(keep(doubt));
            unfinished = said.unfinished().or(keep(unfinished));
            hidden = said.hidingPlace().or(keep(hidden));
            replayed |= said.anyReplayed();
        }
        Optional<String> mountObjection =
                suspended.or(keep(doubt)).or(keep(unfinished)).or(keep(hidden));
        if (doubt.isEmpty() && replayed) {
            doubt = hidden;
        }
        List<RunContext> contexts = new ArrayList<>();
        for (Seen disk : all) {
            contexts.add(new RunContext(suspended, doubt, unfinished, mountObjection, companionsOf(disk)));
        }
        return contexts;
    }

    private static Supplier<Optional<String>> keep(Optional<String> reason) {
        return () -> reason;
    }

    /** A disk that says the same with and without the others needs none of them; one that does not may need any. */
    private List<ShrinkRequest> companionsOf(Seen disk) {
        return disk.needsOthers
                ? all.stream()
                        .filter(other -> other != disk && other.isServed())
                        .map(other -> other.request)
                        .toList()
                : List.of();
    }

    @Override
    public void close() {
        all.forEach(Seen::close);
    }

    /**
     * What a disk says about the others. Free ranges are not kept for that: there may be half a million on every disk.
     *
     * @param hidingPlace where a suspended guest's memory may be
     */
    private record Said(
            Optional<String> suspended,
            Optional<String> doubt,
            Optional<String> unfinished,
            Optional<String> hidingPlace,
            boolean anyReplayed) {
        static Said of(String disk, DiskInspection inspection) {
            Optional<String> suspended = Optional.empty();
            for (FilesystemFinding finding : inspection.filesystems()) {
                if (finding.state() instanceof FilesystemState.Hibernated) {
                    suspended = Optional.of(
                            finding.device() + ": " + finding.state().reasonText());
                }
            }
            return new Said(
                    named(disk, suspended),
                    named(disk, inspection.doubt().or(inspection::refusal)),
                    named(disk, inspection.unfinished()),
                    named(disk, inspection.hidingPlace()),
                    inspection.anyReplayed());
        }

        private static Optional<String> named(String disk, Optional<String> why) {
            return why.map(reason -> disk + ": " + reason);
        }
    }

    /** One disk. It stays served if it may be part of something that reaches further. */
    private static final class Seen implements RunOwner {
        private static final String PHYSICAL_VOLUME = "LVM2_member";

        private final ShrinkRequest request;
        private final Cancellation cancellation;
        private final boolean replaysJournals;
        private Optional<Cancellation.Registration> killing = Optional.empty();
        private Optional<ImageWork> work = Optional.empty();
        private Optional<ServedDisk> served = Optional.empty();
        /** Empty if it cannot be looked at: its own run says why. */
        private Optional<Said> said = Optional.empty();
        /** What lies on it as far as it can be understood without others, where it may reach further. */
        private Optional<InspectionDigest> alone = Optional.empty();

        private boolean needsOthers;

        Seen(ShrinkRequest request, Cancellation cancellation) {
            this.request = request;
            this.cancellation = cancellation;
            this.replaysJournals =
                    request.replayJournals() && DiskView.whyNoReplay(request).isEmpty();
        }

        /** Whatever is thrown, this object is to be closed. */
        void look(Pace pace) {
            ImageWork.Terms terms = new ImageWork.Terms(true, Optional.empty(), Optional.empty(), pace);
            try {
                work = Optional.of(
                        ImageWork.begin(RunDirectory.standard(), request.image(), request.format(), terms, this));
                served = Optional.of(work.get().serveOriginal());
                GuestDisk disk = guestDisk();
                DiskInspection found = DiskView.inspector(replaysJournals, DiskView.mounts(request))
                        .inspect(disk.source(), disk.name(), disk.sectorBytes());
                said = Optional.of(Said.of(name(), found));
                if (mayReachFurther(found)) {
                    alone = Optional.of(InspectionDigest.of(found));
                } else {
                    close();
                }
            } catch (IOException | ImageRefusedException notReadable) {
                LOG.debug("{} cannot be looked at", request.image(), notReadable);
                close();
            }
        }

        private boolean mayReachFurther(DiskInspection inspection) throws IOException {
            boolean part = inspection.filesystems().stream()
                    .anyMatch(finding -> finding.identity().type().equals(PHYSICAL_VOLUME));
            if (!part) {
                return false;
            }
            Optional<String> objection = new CompanionImage(request.image(), request.format()).objection();
            objection.ifPresent(why -> LOG.debug("{} is not looked at beside others: {}", request.image(), why));
            return objection.isEmpty();
        }

        String name() {
            return "disk " + request.target().orElse(request.image().toString());
        }

        boolean isServed() {
            return served.isPresent();
        }

        GuestDisk guestDisk() {
            return DiskView.guestDisk(served.orElseThrow().bytes(), request, cancellation);
        }

        void seenTogether(DiskInspection other) {
            needsOthers = !alone.equals(Optional.of(InspectionDigest.of(other)));
            said = Optional.of(Said.of(name(), other));
            alone = Optional.empty();
        }

        @Override
        public Optional<String> domain() {
            return RunOwner.LOOKER.domain();
        }

        @Override
        public void requireIdle() throws ImageRefusedException {
            RunOwner.LOOKER.requireIdle();
        }

        /** A read that hangs ends with its server. */
        @Override
        public void childrenEndBy(Consumer<String> kill) {
            killing = Optional.of(cancellation.onCancel(
                    () -> kill.accept(cancellation.reason().orElse("the run was cancelled"))));
        }

        @Override
        public boolean giveWay() {
            return RunOwner.LOOKER.giveWay();
        }

        void close() {
            killing.ifPresent(Cancellation.Registration::close);
            killing = Optional.empty();
            served.ifPresent(ServedDisk::close);
            served = Optional.empty();
            if (work.isPresent()) {
                try {
                    work.get().close();
                } catch (IOException problem) {
                    LOG.warn("what a look at {} needed could not be removed: {}", request.image(), problem.toString());
                }
                work = Optional.empty();
            }
        }
    }
}
