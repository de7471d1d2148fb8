package virtshrink.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.RangeSet;
import virtshrink.image.TemporaryNames.Role;
import virtshrink.os.FileStatus;

/**
 * Everything a run holds on one image while it works on it: its registration, its child processes, its lock, its temporary files. Closing it
 * leaves nothing behind. Whoever needs the image meanwhile can ask for it through the registration, and gets it whatever this work's thread
 * is doing: calling libvirt, say, which answers nobody until a starting guest has got its disk.
 *
 * <p>For one thread, except {@link #killChildren} and {@link #giveBack}.
 */
public final class ImageWork implements AutoCloseable {
    /** For a child in the middle of writing in place; the one who waits has two seconds. */
    private static final Duration ORDERLY_END = Duration.ofSeconds(1);

    private final Path file;
    private final Optional<Path> output;
    private final RunDirectory runs;
    private final Run run;
    private final ChildProcessFactory children;
    private final Hold hold;
    private final Optional<YieldWatch> watch;
    private final QemuImg qemuImg;
    private final Optional<ImageLock> lock;
    private final Companions companions;
    private final JudgedImage judged;
    private final List<String> notes;

    private ImageWork(
            Path file,
            Terms terms,
            RunDirectory runs,
            Run run,
            ChildProcessFactory children,
            Hold hold,
            Optional<YieldWatch> watch,
            Optional<ImageLock> lock,
            Companions companions,
            JudgedImage judged,
            List<String> notes) {
        this.file = file;
        this.output = terms.output();
        this.runs = runs;
        this.run = run;
        this.children = children;
        this.hold = hold;
        this.watch = watch;
        this.qemuImg = new QemuImg(children, terms.pace().bytesPerSecond());
        this.lock = lock;
        this.companions = companions;
        this.judged = judged;
        this.notes = notes;
    }

    /**
     * How an image is to be held.
     *
     * @param lookOnly nothing is written and nobody is kept from writing: no lock, no cleaning
     * @param output where the result goes; in place of the image when empty
     * @param policy of the judge; empty if anything that can be read will do
     * @param pace of the children
     * @param companions what has to be looked at beside the image
     */
    public record Terms(
            boolean lookOnly,
            Optional<Path> output,
            Optional<ImageJudge.Policy> policy,
            Pace pace,
            List<CompanionImage> companions) {
        public Terms {
            companions = List.copyOf(companions);
        }

        /** Without companions. */
        public Terms(boolean lookOnly, Optional<Path> output, Optional<ImageJudge.Policy> policy, Pace pace) {
            this(lookOnly, output, policy, pace, List.of());
        }
    }

    /**
     * Cleans up after dead runs, registers this one, takes the locks and judges the image.
     *
     * @throws ImageRefusedException if the image must be left alone, or a companion cannot be held or looked at
     */
    public static ImageWork begin(RunDirectory runs, Path image, ImageFormat format, Terms terms, RunOwner owner)
            throws IOException, ImageRefusedException {
        List<String> notes = new ArrayList<>(Leftovers.endDeadRuns(runs));
        Path file = resolve(image);
        List<Path> beside = Companions.resolve(terms.companions());
        Run run = Run.begin(runs, owner.domain(), file, beside);
        ChildProcessFactory children =
                new ChildProcessFactory(listener(run), terms.pace().background());
        Hold hold = new Hold(children);
        Optional<YieldWatch> watch = Optional.empty();
        try {
            owner.childrenEndBy(children::killAll);
            // Before the lock, so that nobody can ask in vain.
            watch = Optional.of(YieldWatch.start(run, () -> giveWay(owner, terms, hold)));
            owner.requireIdle();
            if (!terms.lookOnly()) {
                TrustedDirectory.require(file);
                if (terms.output().isPresent()) {
                    TrustedDirectory.require(terms.output().get());
                }
            }
            Optional<ImageLock> lock = lock(file, terms, hold);
            Companions companions = Companions.hold(terms.companions(), beside, terms.lookOnly(), hold, notes);
            if (!terms.lookOnly()) {
                notes.addAll(Leftovers.removeFilesBeside(file));
                if (terms.output().isPresent()) {
                    notes.addAll(Leftovers.removeFilesBeside(terms.output().get()));
                }
            }
            ImageJudge judge = new ImageJudge(new QemuImg(children));
            JudgedImage judged = terms.policy().isPresent()
                    ? judge.judge(image, format, terms.policy().get())
                    : judge.look(image, format);
            if (!judged.file().equals(file)) {
                throw new ImageRefusedException(image + " led to another file while it was looked at");
            }
            // qemu takes a relative backing name from the directory of the name it was given, which a symbolic link may
            // change.
            if (!BackingChain.walk(file, format).equals(judged.chain())) {
                throw new ImageRefusedException(
                        "the backing file of " + image + " is another one when the image is opened as " + file);
            }
            return new ImageWork(file, terms, runs, run, children, hold, watch, lock, companions, judged, notes);
        } catch (IOException | ImageRefusedException | RuntimeException problem) {
            close(hold, watch, run);
            throw problem;
        }
    }

    /** On the thread of the watch. */
    private static void giveWay(RunOwner owner, Terms terms, Hold hold) throws IOException {
        if (terms.lookOnly()) {
            return; // There is no lock, and the children look without one.
        }
        if (owner.giveWay()) {
            hold.giveBack(ORDERLY_END);
        } else {
            hold.awaitGivenBack();
        }
    }

    private static Path resolve(Path image) throws IOException, ImageRefusedException {
        try {
            return image.toRealPath();
        } catch (NoSuchFileException missing) {
            throw new ImageRefusedException(image + " does not exist");
        }
    }

    private static Optional<ImageLock> lock(Path file, Terms terms, Hold hold)
            throws IOException, ImageRefusedException {
        if (terms.lookOnly()) {
            ImageLock.refuseIfWritten(file);
            return Optional.empty();
        }
        return Optional.of(hold.lock(file));
    }

    private static ChildListener listener(Run run) {
        return new ChildListener() {
            @Override
            public void started(long pid, String command) {
                register(() -> run.childStarted(pid));
            }

            @Override
            public void ended(long pid) {
                register(() -> run.childEnded(pid));
            }
        };
    }

    private interface Registration {
        void run() throws IOException;
    }

    /** Children die with this process in any case; a child nobody could find by its registration must still not run. */
    private static void register(Registration registration) {
        try {
            registration.run();
        } catch (IOException problem) {
            throw new UncheckedIOException("cannot write to the run directory", problem);
        }
    }

    /** The image, symbolic links resolved. */
    public Path file() {
        return file;
    }

    public ImageFormat format() {
        return judged.facts().format();
    }

    public ImageFacts facts() {
        return judged.facts();
    }

    /** The image and what it stands on, topmost first. */
    public List<ChainElement> chain() {
        return judged.chain();
    }

    /**
     * Why the image's name no longer leads to the locked file as it was; empty if nothing has changed.
     *
     * @param written this run itself has written to it, so its times say nothing
     */
    public Optional<String> whyDisturbed(boolean written) throws IOException {
        if (!FileStatus.of(file).identity().equals(lock().recorded().identity())) {
            return Optional.of(file + " was replaced by another file while it was being worked on");
        }
        Optional<String> changed = written ? Optional.empty() : lock().whyChanged();
        return changed.isPresent() ? changed : whyCompanionsDisturbed();
    }

    /** Why what was learnt from the companions may be so no longer; empty if they are as they were. */
    public Optional<String> whyCompanionsDisturbed() throws IOException {
        return companions.whyDisturbed();
    }

    /** What was cleaned up. */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    public String runId() {
        return run.id();
    }

    /** The lock on the image; there is none while only looking. */
    public ImageLock lock() {
        return lock.orElseThrow(() -> new IllegalStateException("this work only looks"));
    }

    QemuImg qemuImg() {
        return qemuImg;
    }

    ReplacementFile create(Role role) throws IOException {
        return ReplacementFile.create(new TemporaryNames(output.orElse(file), run.id()).of(role));
    }

    /** Makes the file beside the image that will hold the overlay. */
    public ReplacementFile createOverlayFile() throws IOException {
        return create(Role.OVERLAY);
    }

    /** Makes the new file beside the image, or beside the output, with the flags that can only be set while it is empty. */
    public ReplacementFile createNewFile() throws IOException {
        ReplacementFile newFile = create(Role.NEW);
        try {
            FileAttributes.prepareEmpty(lock().file(), newFile.file());
            return newFile;
        } catch (IOException | RuntimeException problem) {
            newFile.close();
            throw problem;
        }
    }

    /** Serves the image itself, read-only. */
    public ServedDisk serveOriginal() throws IOException {
        ImageNode node = ImageNode.chain(chain());
        return ServedDisk.readOnly(children, lock.isPresent() ? node : node.yielding(), run.directory());
    }

    /** Serves the companions, read-only, at the same time as whatever else this work serves. */
    public ServedCompanions serveCompanions() throws IOException {
        return companions.serve(children, run.directory());
    }

    /** Serves the image itself for writing, under the lock that this work holds. */
    public ServedDisk serveOriginalWritable() throws IOException {
        // Not by its name: that may lead to another file by now.
        List<ChainElement> held = new ArrayList<>(chain());
        held.set(0, new ChainElement(lock().file().procPath(), format()));
        return ServedDisk.writable(
                children, ImageNode.chain(held).withoutLocking(), run.directory(), ServeOptions.CacheMode.WRITEBACK);
    }

    /** Makes an overlay on the image in a file of {@link #createOverlayFile}. */
    public ImageNode overlayOn(ReplacementFile overlayFile) throws IOException {
        return Overlay.create(qemuImg, overlayFile, chain(), facts().virtualBytes(), facts().giveBackUnitBytes());
    }

    /** Serves an overlay for writing; nobody keeps it, so nothing is flushed to the disk. */
    public ServedDisk serveWritable(ImageNode overlay) throws IOException {
        return ServedDisk.writable(children, overlay, run.directory(), ServeOptions.CacheMode.UNSAFE);
    }

    /** The image itself, to be read by another server than {@link #serveOriginal}. */
    public ImageNode original() {
        return ImageNode.chain(chain());
    }

    /** For bringing parts of the disk into the host's kernel. */
    public HostDevices hostDevices() {
        return new HostDevices(
                children,
                new ChildProcessFactory(listener(run)),
                run.directory(),
                runs.deviceClaims(),
                new HostDevices.Register() {
                    @Override
                    public void taken(String device) throws IOException {
                        run.deviceTaken(device);
                    }

                    @Override
                    public void free(String device) throws IOException {
                        run.deviceFree(device);
                    }
                });
    }

    /** Serves any image of this run read-only. */
    public ServedDisk serveReadOnly(ImageNode image) throws IOException {
        return ServedDisk.readOnly(children, image, run.directory());
    }

    /** As {@link #serveReadOnly}, at the same time as others. */
    ServedDisk serveReadOnlyBeside(ImageNode image, String socketName) throws IOException {
        return ServedDisk.readOnly(children, image, run.directory(), socketName);
    }

    /** The rebuild for a target. */
    public Rebuild rebuild(Rebuild.Target target) {
        return new Rebuild(this, target);
    }

    /** The verification of what a rebuild has made. */
    public Verification verification(ImageNode overlay, RangeSet zeroed) {
        return verification(overlay, zeroed, RangeSet.empty());
    }

    /**
     * As {@link #verification(ImageNode, RangeSet)}, where more than zeros was written.
     *
     * @param written volumes whose content others vouch for
     */
    public Verification verification(ImageNode overlay, RangeSet zeroed, RangeSet written) {
        return new Verification(this, overlay, zeroed, written);
    }

    /** What the last step can count on here: for replacing the image, or for a new file at the output. */
    public SwapCapabilities probeSwap() throws IOException, ImageRefusedException {
        return output.isPresent()
                ? SwapCapabilities.probeReflinkOnly(lock(), output.get(), run.id())
                : SwapCapabilities.probe(lock(), file, run.id());
    }

    public Swap swap(SwapCapabilities capabilities) {
        return new Swap(lock(), file, run.id(), capabilities);
    }

    /** What the image takes now. */
    public SpaceTaken spaceTaken() throws IOException {
        return SpaceTaken.of(FileStatus.of(file));
    }

    /** Consistency of the image as it is now. */
    public Optional<ImageCheck> checkNow() throws IOException {
        return qemuImg.check(file, format());
    }

    /** Kills every child and lets no other start. Thread-safe, returns at once. */
    public void killChildren(String reason) {
        children.killAll(reason);
    }

    /** Ends all children and lets others write to the image: whoever waits for it goes on. What is left to do after this is to close. */
    public void giveBack() throws IOException {
        hold.giveBack(Duration.ZERO);
    }

    @Override
    public void close() throws IOException {
        close(hold, watch, run);
    }

    private static void close(Hold hold, Optional<YieldWatch> watch, Run run) throws IOException {
        try {
            hold.close();
        } finally {
            watch.ifPresent(YieldWatch::close);
            run.close();
        }
    }

    /** Where backups and outputs go must be free. */
    public static void refuseIfExists(Path path) throws ImageRefusedException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new ImageRefusedException(path + " exists already");
        }
    }
}
