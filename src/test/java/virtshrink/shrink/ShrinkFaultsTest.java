package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.image.Pace;
import virtshrink.os.LoopMount;

/** Whatever goes wrong on the way, the original is what it was, nothing is left behind, and the user is told. */
class ShrinkFaultsTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    private Path image;
    private String original;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void makeImage() throws IOException {
        make(Files.createDirectory(directory.resolve("images")));
    }

    private void make(Path place) throws IOException {
        image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        original = FileProperties.sha256(image) + FileProperties.inode(image);
    }

    private TestRun run() {
        return new TestRun(directory.resolve("runs"), image);
    }

    private void requireUntouched(TestRun run) throws IOException {
        assertEquals(original, FileProperties.sha256(image) + FileProperties.inode(image));
        run.requireNothingLeft();
    }

    // Tools that die or lie, seen through the command line.

    private String failWith(CommandLineChild child) throws IOException, InterruptedException {
        CommandLineChild.Result result = child.run("image", "--json", image.toString());
        assertEquals(1, result.exitCode(), result::toString);
        assertTrue(result.out().contains("\"outcome\":\"failed\""), result::out);
        assertTrue(result.err().contains("the original is untouched"), result::err);
        requireUntouched(new TestRun(child.runs(), image));
        return result.out() + result.err();
    }

    private CommandLineChild child() throws IOException {
        return new CommandLineChild(directory);
    }

    @Test
    void qemuImgKilledInTheMiddleOfTheConversion() throws Exception {
        String said = failWith(child().withTool("qemu-img", """
                [ "$1" = convert ] || exec $real "$@"
                for target in "$@"; do :; done
                $real "$@" & copier=$!
                while [ "$(stat -c %s "$target")" -lt 1000000 ]; do :; done
                kill -9 $copier
                kill -9 $$"""));
        assertTrue(said.contains("qemu-img convert"), said);
    }

    @Test
    void qemuImgThatFailsSaysWhy() throws Exception {
        String said = failWith(
                child().withTool("qemu-img", "[ $1 = convert ] || exec $real \"$@\"; echo no paper left >&2; exit 1"));
        assertTrue(said.contains("no paper left"), said);
    }

    static Stream<String> lies() {
        return Stream.of(
                "write -P 66 $used 512", // one sector of a file
                "write -z $used 64k", // one lost cluster
                "write -z 45M 4k", // the header of swap
                "write -P 66 $deleted 512" // bytes in space that is free
                );
    }

    @ParameterizedTest
    @MethodSource("lies")
    void aConversionThatChangesBytesIsCaught(String change) throws Exception {
        String said = failWith(child().withTool(
                        "qemu-img",
                        "$real \"$@\" || exit; [ $1 = convert ] || exit 0\n"
                                + "for target in \"$@\"; do :; done\n"
                                + "used=" + GuestDisk.shared().usedOffset() + " deleted="
                                + GuestDisk.shared().deletedOffset() + "\n"
                                + "qemu-io -f qcow2 -c \"" + change + "\" \"$target\" >&2"));
        assertTrue(said.contains("verification failed: the new image differs"), said);
    }

    @Test
    void aLyingComparisonDoesNotHideAnotherFreeMap() throws Exception {
        // The whole of the first group's tables is gone and the comparison says nothing.
        String said = failWith(child().withTool("qemu-img", """
                [ "$1" = compare ] && exit 0
                $real "$@" || exit; [ "$1" = convert ] || exit 0
                for target in "$@"; do :; done
                qemu-io -f qcow2 -c 'write -z 1052672 4k' "$target" >&2"""));
        assertTrue(said.contains("verification failed: sda1 reads otherwise"), said);
    }

    @Test
    void aDamagedNewImageIsCaught() throws Exception {
        String said = failWith(child().withTool("qemu-img", """
                $real "$@" || exit; [ "$1" = convert ] || exit 0
                for target in "$@"; do :; done
                # The refcount table's first entry: no cluster is counted any more.
                printf '\\0\\0\\0\\0\\0\\0\\0\\0' | dd status=none of="$target" bs=1 seek=65536 conv=notrunc"""));
        assertTrue(said.contains("verification failed: qemu-img check finds"), said);
    }

    @Test
    void anOverlayThatHoldsMoreThanFreeSpaceIsCaught() throws Exception {
        String said = failWith(child().withTool(
                        "qemu-nbd",
                        "case \"$*\" in *discard*) ;; *) exec $real \"$@\";; esac\n$real \"$@\"\n"
                                + "qemu-io -f qcow2 -c 'write -z "
                                + GuestDisk.shared().usedOffset() + " 64k' "
                                + image.resolveSibling(".disk.qcow2.virt-shrink-") + "*.overlay.qcow2 >&2"));
        assertTrue(said.contains("verification failed: the overlay holds bytes outside"), said);
    }

    @ParameterizedTest
    @MethodSource("servers")
    void qemuNbdKilled(String which, String pattern) throws Exception {
        String said = failWith(child().withTool("qemu-nbd", """
                case "$*" in %s) ;; *) exec $real "$@";; esac
                $real "$@" & server=$!
                for argument in "$@"; do case "$argument" in --pid-file=*) pid="${argument#*=}";; esac; done
                while [ ! -s "$pid" ]; do :; done
                kill -9 $server
                kill -9 $$""".formatted(pattern)));
        assertTrue(said.contains("qemu-nbd") || said.contains("server"), which + ": " + said);
    }

    static Stream<Arguments> servers() {
        return Stream.of(
                Arguments.of("of the original", "*--read-only*"), Arguments.of("of the overlay", "*discard=unmap*"));
    }

    // The host's filesystem.

    @Test
    void aDiskTooFullForTheNewImageIsRefusedWithBothFigures() throws IOException {
        try (LoopMount host = LoopMount.make(directory, 48 * MIB, "rw", "mke2fs", "-q", "-t", "ext4", "-m", "0")) {
            make(host.path());
            TestRun run = run();

            String reason = run.expect(Outcome.REFUSED).reason();

            assertTrue(reason.matches("too little space in .* may take \\d+ MiB, \\d+ MiB are free .*"), reason);
            ExternalTool.run("rmdir", host.path().resolve("lost+found").toString());
            requireUntouched(run);
        }
    }

    @Test
    void aDiskThatFillsUpInTheMiddle() throws IOException {
        try (LoopMount host = LoopMount.make(directory, 96 * MIB, "rw", "mke2fs", "-q", "-t", "ext4", "-m", "0")) {
            make(host.path());
            Path ballast = host.path().resolve("ballast");
            TestRun run = run().when(Phase.REBUILD, () -> fill(ballast))
                    .restraint(new Restraint(SpaceReserve.ofBytes(0), Pace.FULL));

            String reason = run.expect(Outcome.FAILED).reason();

            assertTrue(reason.contains("No space left on device"), reason);
            assertTrue(reason.endsWith("the original is untouched"), reason);
            requireUntouched(run);
        }
    }

    @Test
    void othersWhoTakeTheReserveInTheMiddleEndTheRun() throws IOException {
        try (LoopMount host = LoopMount.make(directory, 96 * MIB, "rw", "mke2fs", "-q", "-t", "ext4", "-m", "0")) {
            make(host.path());
            Path ballast = host.path().resolve("ballast");
            // So slow that the watch is faster.
            Pace slow = new Pace(OptionalLong.of(1 << 20), false);
            TestRun run = run().when(Phase.REBUILD, () -> fill(ballast))
                    .restraint(new Restraint(SpaceReserve.ofBytes(20 << 20), slow));

            String reason = run.expect(Outcome.YIELDED).reason();

            assertTrue(reason.matches(".*fell below the reserve: \\d MiB are left of 20 MiB"), reason);
            requireUntouched(run);
        }
    }

    private static void fill(Path ballast) throws IOException {
        ExternalTool.attempt("", "dd", "status=none", "if=/dev/zero", "of=" + ballast, "bs=64k");
        try (RandomAccessFile file = new RandomAccessFile(ballast.toFile(), "rw")) {
            file.setLength(file.length() - 4 * MIB);
        }
    }

    @Test
    void inAReadOnlyMountNothingCanBeDone() throws IOException {
        LoopMount.needsRoot();
        Path place = image.getParent();
        ExternalTool.run("mount", "--bind", place.toString(), place.toString());
        try {
            ExternalTool.run("mount", "-o", "remount,ro,bind", place.toString());
            TestRun run = run();

            String reason = run.expect(Outcome.FAILED).reason();

            assertTrue(reason.contains("no file can be made beside the image"), reason);
            assertTrue(reason.endsWith("the original is untouched"), reason);
            requireUntouched(run);
        } finally {
            ExternalTool.run("umount", place.toString());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"i", "a"})
    void inADirectoryThatMustNotChangeNothingCanBeDone(String flag) throws IOException {
        LoopMount.needsRoot();
        Path place = image.getParent();
        ExternalTool.run("chattr", "+" + flag, place.toString());
        TestRun run = run();
        try {
            run.expect(Outcome.FAILED);
        } finally {
            ExternalTool.run("chattr", "-" + flag, place.toString());
        }
        requireUntouched(run);
    }

    @Test
    void anImageThatIsAMountPointCannotBeRenamed() throws IOException {
        LoopMount.needsRoot();
        ExternalTool.run("mount", "--bind", image.toString(), image.toString());
        try {
            TestRun run = run();

            String reason = run.run().reason();

            assertTrue(reason.contains("busy") || reason.contains("EBUSY") || reason.contains("mount"), reason);
            requireUntouched(run);
        } finally {
            ExternalTool.run("umount", image.toString());
        }
    }

    // Others who use the image meanwhile.

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"ZERO", "VERIFY", "SWAP"})
    void anImageThatSomebodyWritesToStaysAsHeWroteIt(Phase phase) throws IOException {
        TestRun run = run().when(phase, () -> {
            try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
                file.seek(20 * MIB);
                file.write(new byte[512]);
            }
            original = FileProperties.sha256(image) + FileProperties.inode(image);
        });

        ShrinkReport report = run.run();

        assertTrue(report.outcome() == Outcome.REFUSED || report.outcome() == Outcome.FAILED, report::toString);
        assertTrue(
                report.reason().contains("was written to while it was being shrunk")
                        || report.reason().contains("verification failed"),
                report::reason);
        requireUntouched(run);
    }

    @Test
    void anImageThatSomebodyTouchesStays() throws IOException {
        TestRun run = run().when(
                        Phase.REBUILD, () -> Files.setLastModifiedTime(image, FileTime.fromMillis(1_600_000_000_000L)));

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("was written to while it was being shrunk"), reason);
        requireUntouched(run);
    }

    @Test
    void anImageThatIsGivenToAnotherUserInMidRunIsHisAfterwards() throws IOException {
        LoopMount.needsRoot();
        run().when(Phase.VERIFY, () -> ExternalTool.run("chown", "12345:54321", image.toString()))
                .expect(Outcome.SHRUNK);

        assertEquals(
                "12345 54321",
                ExternalTool.run("stat", "--format=%u %g", image.toString()).strip());
        GuestDisk.shared().requireSameIn(image, "qcow2");
    }

    static Stream<Arguments> changesOfAttributes() {
        return Stream.of(
                Arguments.of("owner", List.of("chown", "12345:54321")),
                Arguments.of("mode", List.of("chmod", "600")),
                Arguments.of("extended attributes", List.of("setfattr", "-n", "user.note", "-v", "new")));
    }

    /** After the new file has been given what the image had. */
    @ParameterizedTest
    @MethodSource("changesOfAttributes")
    void anImageWhoseAttributesChangeAtTheLastMomentGetsItsNameBack(String what, List<String> command)
            throws IOException {
        LoopMount.needsRoot();
        ExternalTool.assume("setfattr", "attr");
        List<Integer> asked = new ArrayList<>();
        TestRun run = run().guard(() -> {
            asked.add(1);
            if (asked.size() == 2) {
                change(command);
            }
            return Optional.empty();
        });

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("the " + what + " of " + image + " was changed"), reason);
        requireUntouched(run);
    }

    private void change(List<String> command) {
        List<String> whole = new ArrayList<>(command);
        whole.add(image.toString());
        try {
            ExternalTool.run(whole.toArray(String[]::new));
        } catch (IOException problem) {
            throw new AssertionError(problem);
        }
    }

    @Test
    void anImageInADirectoryOfAnotherUserIsNotWorkedOn() throws IOException {
        LoopMount.needsRoot();
        Path place = image.getParent();
        ExternalTool.run("chown", "65534", place.toString());
        FileTime before = Files.getLastModifiedTime(place);
        TestRun run = run();

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains(place + " belongs to user 65534"), reason);
        assertEquals(before, Files.getLastModifiedTime(place), "something was made there");
        requireUntouched(run);
    }

    /** A link that another user has put where the result is to go would lead root's writing to where that user wants it. */
    @Test
    void anOutputInADirectoryOfAnotherUserIsNotWritten() throws IOException {
        LoopMount.needsRoot();
        Path theirs = Files.createDirectory(directory.resolve("theirs"));
        Path precious = Files.writeString(directory.resolve("precious"), "root's");
        Files.createSymbolicLink(theirs.resolve("out.qcow2.raw"), precious);
        ExternalTool.run("chown", "-h", "-R", "65534", theirs.toString());
        FileTime before = Files.getLastModifiedTime(theirs);
        TestRun run = run().output(theirs.resolve("out.qcow2"));

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains(theirs + " belongs to user 65534"), reason);
        assertEquals(before, Files.getLastModifiedTime(theirs), "something was made there");
        assertEquals("root's", Files.readString(precious));
        requireUntouched(run);
    }

    @Test
    void anImageThatSomebodyHasOpenWithoutLockingGetsItsNameBack() throws Exception {
        List<Process> opener = new ArrayList<>();
        TestRun run = run().when(Phase.SWAP, () -> {
            Process tail = new ProcessBuilder("tail", "-f", image.toString())
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            opener.add(tail);
            Waiting.until("tail has the image open", () -> Waiting.hasOpen(tail.pid(), image));
        });
        try {
            String reason = run.expect(Outcome.REFUSED).reason();

            assertTrue(reason.contains("is open in another process"), reason);
            requireUntouched(run);
        } finally {
            opener.get(0).destroyForcibly().waitFor();
        }
        run().expect(Outcome.SHRUNK);
    }

    @Test
    void anImageUnderALoopDeviceGetsItsNameBack() throws IOException {
        LoopMount.needsRoot();
        List<String> device = new ArrayList<>();
        TestRun run = run().when(
                        Phase.SWAP,
                        () -> device.add(ExternalTool.run("losetup", "--find", "--show", image.toString())
                                .strip()));
        try {
            String reason = run.expect(Outcome.REFUSED).reason();

            assertTrue(reason.contains("is open in another process"), reason);
            requireUntouched(run);
        } finally {
            ExternalTool.run("losetup", "-d", device.get(0));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"INSPECT", "VERIFY", "SWAP"})
    void anImageThatSomebodyReplacesIsNotReplacedAgain(Phase phase) throws IOException {
        Path other = Files.copy(image, directory.resolve("other"));
        String otherWas = FileProperties.sha256(other) + FileProperties.inode(other);
        TestRun run = run().when(phase, () -> Files.move(other, image, StandardCopyOption.REPLACE_EXISTING));

        String reason = run.run().reason();

        assertTrue(reason.contains("replaced by another file"), reason);
        original = otherWas;
        requireUntouched(run);
    }

    @Test
    void theSecondOfTwoRunsIsRefusedAndDisturbsNothing() throws IOException {
        List<ShrinkReport> second = new ArrayList<>();
        TestRun first = run().progress(TestRun.phases(began -> {
            if (began != Phase.JUDGE) {
                second.add(run().run());
            }
        }));

        first.expect(Outcome.SHRUNK);

        assertEquals(Phase.values().length - 1, second.size());
        for (ShrinkReport report : second) {
            assertEquals(Outcome.REFUSED, report.outcome());
            assertTrue(report.reason().contains("another run of virt-shrink"), report::reason);
        }
        GuestDisk.shared().requireSameIn(image, "qcow2");
        first.requireNothingLeft();
    }

    // Cancellation.

    @ParameterizedTest
    @EnumSource(Phase.class)
    void aRunCancelledInAnyPhaseYields(Phase phase) throws IOException {
        TestRun run = run();
        run.when(phase, () -> run.cancellation.cancel("the guest wants to start"));

        String reason = run.expect(Outcome.YIELDED).reason();

        assertEquals("the guest wants to start", reason);
        requireUntouched(run);
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"ATTACH", "INSPECT", "ZERO", "REBUILD", "VERIFY"})
    void aRunCancelledInTheMiddleOfAPhaseYields(Phase phase) throws Exception {
        TestRun run = run();
        List<Thread> canceller = new ArrayList<>();
        run.when(phase, () -> {
            Thread thread = new Thread(() -> {
                // As soon as the phase's child lives.
                Waiting.quietlyUntil(() -> !Waiting.childrenNaming(directory).isEmpty());
                run.cancellation.cancel("the guest wants to start");
            });
            canceller.add(thread);
            thread.start();
        });

        ShrinkReport report = run.run();

        canceller.get(0).join();
        assertEquals(Outcome.YIELDED, report.outcome(), report::toString);
        requireUntouched(run);
        assertEquals(List.of(), Waiting.childrenNaming(directory));
    }

    @Test
    void aRunPastItsPointOfNoReturnCompletes() throws IOException {
        TestRun run = run();
        List<Boolean> answers = new ArrayList<>();
        List<Integer> asked = new ArrayList<>();
        run.guard(() -> {
            asked.add(1);
            // The guard is asked for the last time just before.
            if (asked.size() == 2) {
                passPointOfNoReturn(run.cancellation);
                answers.add(run.cancellation.cancel("too late"));
            }
            return Optional.empty();
        });

        run.expect(Outcome.SHRUNK);

        assertEquals(List.of(false), answers);
        GuestDisk.shared().requireSameIn(image, "qcow2");
        run.requireNothingLeft();
    }

    private static void passPointOfNoReturn(Cancellation cancellation) {
        try {
            cancellation.passPointOfNoReturn();
        } catch (Cancellation.RunCancelledException early) {
            throw new AssertionError(early);
        }
    }

    @Test
    void aGuestThatComesBackJustBeforeTheSwapKeepsItsImage() throws IOException {
        List<Integer> asked = new ArrayList<>();
        TestRun run = run().guard(() -> {
            asked.add(1);
            return asked.size() == 1 ? Optional.empty() : Optional.of("the domain is running");
        });

        String reason = run.expect(Outcome.REFUSED).reason();

        assertEquals("the domain is running", reason);
        assertFalse(asked.size() < 2);
        requireUntouched(run);
    }
}
