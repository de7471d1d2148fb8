package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.os.Hosts;
import virtshrink.os.OpenFile;
import virtshrink.os.ProcessIdentity;

/** Registrations of runs, and what becomes of those whose run is dead. */
class RunRecordTest {
    private static final String OTHER_BOOT = "00000000-0000-0000-0000-000000000000";

    @TempDir
    private Path directory;

    private RunDirectory runs;
    private Path run;
    private Path image;
    private Process child;
    private ProcessIdentity childIdentity;

    @BeforeEach
    void register() throws IOException {
        runs = RunDirectory.at(directory.resolve("runs"));
        run = Files.createDirectory(runs.of("0123456789ab"));
        image = directory.resolve("disk.qcow2");
        child = new ProcessBuilder("sleep", "600").start();
        childIdentity = ProcessIdentity.of(child.pid()).orElseThrow();
    }

    @AfterEach
    void endChild() throws InterruptedException {
        child.destroyForcibly().waitFor();
    }

    private static ProcessIdentity dead() throws IOException {
        ProcessIdentity self = ProcessIdentity.ofThisProcess();
        return new ProcessIdentity(self.pid(), self.startTicks() + 1);
    }

    private RunRecord record(String boot, ProcessIdentity owner) {
        return new RunRecord(
                "0123456789ab", boot, owner, Optional.of("web"), image, List.of(), List.of(childIdentity), List.of());
    }

    private void write(String text) throws IOException {
        Files.createSymbolicLink(run.resolve("image"), image);
        Files.write(run.resolve("record"), text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void age() throws IOException {
        Files.setLastModifiedTime(run, FileTime.fromMillis(System.currentTimeMillis() - 120_000));
    }

    private boolean childLives() throws InterruptedException {
        return !child.waitFor(100, TimeUnit.MILLISECONDS);
    }

    @Test
    void whatWasWrittenIsRead() throws Exception {
        RunRecord record = record(Hosts.bootId(), ProcessIdentity.ofThisProcess());
        record.write(run);
        assertEquals(Optional.of(record), RunRecord.read(run));
    }

    @Test
    void theFilesThatItHoldsAreReadInTheirOrder() throws Exception {
        List<Path> companions = List.of(directory.resolve("b.qcow2"), directory.resolve("a.qcow2"));
        RunRecord record = new RunRecord(
                "0123456789ab",
                Hosts.bootId(),
                ProcessIdentity.ofThisProcess(),
                Optional.empty(),
                image,
                companions,
                List.of(),
                List.of("nbd3", "nbd12"));
        record.write(run);
        record.write(run);
        assertEquals(Optional.of(record), RunRecord.read(run));
    }

    @Test
    void childrenOfADeadRunAreEnded() throws Exception {
        record(Hosts.bootId(), dead()).write(run);
        String said = Leftovers.endDeadRuns(runs).toString();
        assertTrue(said.contains("ended process " + child.pid() + " that a dead run on " + image), said);
        assertTrue(child.waitFor(10, TimeUnit.SECONDS));
        assertFalse(Files.exists(run));
    }

    private Path claimOfADeadRun() throws IOException {
        new RunRecord(
                        "0123456789ab",
                        Hosts.bootId(),
                        dead(),
                        Optional.empty(),
                        image,
                        List.of(),
                        List.of(),
                        List.of("nbd9876"))
                .write(run);
        Path claims = Files.createDirectory(runs.deviceClaims());
        return Files.createFile(claims.resolve("nbd9876"));
    }

    @Test
    void theClaimOfADeadRunOnADeviceGoesWithIt() throws Exception {
        Path claim = claimOfADeadRun();
        assertEquals(List.of(), Leftovers.endDeadRuns(runs));
        assertFalse(Files.exists(claim));
        assertTrue(Files.exists(runs.deviceClaims()), "it is no run");
    }

    @Test
    void aDeviceThatALivingRunHasTakenSinceStaysClaimed() throws Exception {
        Path claim = claimOfADeadRun();
        try (OpenFile living = OpenFile.readWrite(claim)) {
            assertTrue(living.tryExclusiveFlock());
            assertEquals(List.of(), Leftovers.endDeadRuns(runs));
            assertTrue(Files.exists(claim));
        }
    }

    @Test
    void aLivingRunIsLeftAlone() throws Exception {
        record(Hosts.bootId(), ProcessIdentity.ofThisProcess()).write(run);
        age();
        assertEquals(List.of(), Leftovers.endDeadRuns(runs));
        assertTrue(childLives());
        assertTrue(Files.exists(run));
    }

    /** After a restart of the host the same number and start time are another process. */
    @Test
    void processesOfAnotherBootAreNobodysChildren() throws Exception {
        record(OTHER_BOOT, dead()).write(run);
        assertEquals(List.of(), Leftovers.endDeadRuns(runs));
        assertTrue(childLives());
        assertFalse(Files.exists(run));
    }

    @Test
    void norDoesAnOwnerOfAnotherBootLive() throws Exception {
        record(OTHER_BOOT, ProcessIdentity.ofThisProcess()).write(run);
        assertEquals(List.of(), Leftovers.endDeadRuns(runs));
        assertTrue(childLives());
        assertFalse(Files.exists(run));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "child 1 2\n",
                "owner 1\nboot B\n",
                "owner 1 2\n",
                "owner 1 2\nboot B\nowner 3 4\n",
                "owner 99999999999999999999 1\nboot B\n",
                "owner one two\nboot B\n",
                "owner 1 2\nboot B\nchild 1 x\n",
                "boot B\nowner 1 2\nnot UTF-8: \u00ff\u00fe\n"
            })
    void aRecordThatCannotBeUnderstoodEndsNothingAndGoesAfterAMinute(String text) throws Exception {
        write(text);
        assertEquals(Optional.empty(), RunRecord.read(run));
        assertEquals(List.of(), Leftovers.endDeadRuns(runs));
        assertTrue(Files.exists(run), "it may be in its very first moment");
        age();
        assertEquals(List.of(), Leftovers.endDeadRuns(runs));
        assertFalse(Files.exists(run));
    }

    @Test
    void aRecordWithoutItsImageCannotBeUnderstood() throws Exception {
        record(Hosts.bootId(), dead()).write(run);
        Files.delete(run.resolve("image"));
        assertEquals(Optional.empty(), RunRecord.read(run));
        Files.writeString(run.resolve("image"), "no link");
        assertEquals(Optional.empty(), RunRecord.read(run));
    }

    @Test
    void oneThatCannotBeReadKeepsNoOtherRunFromItsWork() throws Exception {
        Files.createDirectory(run.resolve("record"));
        List<String> said = Leftovers.endDeadRuns(runs);
        assertTrue(said.toString().contains("left " + run + " alone"), said::toString);
    }
}
