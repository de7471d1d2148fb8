package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DomainLogTest {
    private static final String START = """
            2026-11-22 13:33:07.940+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4
            LC_ALL=C \\
            /usr/bin/qemu-system-x86_64 \\
            -msg timestamp=on
            """;
    private static final String QEMU_ENDS =
            "2026-11-22T13:33:08.490786Z qemu-system-x86_64: terminating on signal 15 from pid 13 (libvirtd)\n";

    @TempDir
    private Path directory;

    private static String end(String reason) {
        return "2026-11-22 13:33:08.490+0000: shutting down, reason=" + reason + "\n" + QEMU_ENDS;
    }

    private Optional<String> judge() {
        return new DomainLog(directory).whyNotEnded("web");
    }

    private void write(String suffix, String content) throws IOException {
        Files.writeString(directory.resolve("web.log" + suffix), content);
    }

    private void refusedFor(String words) {
        Optional<String> reason = judge();
        assertTrue(reason.isPresent() && reason.get().contains(words), reason.toString());
    }

    @Test
    void showsACleanRunOnlyIfItBeganLater() throws IOException {
        String start = "2026-11-22 13:00:00.000+0000: starting up libvirt version: 9.0.0\n";
        String next = "2026-11-22 14:00:00.000+0000: starting up libvirt version: 9.0.0\n";
        DomainLog log = new DomainLog(directory);
        Instant before = Instant.parse("2026-11-22T12:59:59.999Z");
        Instant between = Instant.parse("2026-11-22T13:30:00Z");
        assertFalse(log.showsCleanRunSince("web", before), "there is no log");
        write("", start);
        assertFalse(log.showsCleanRunSince("web", before), "it runs");
        write("", start + end("destroyed"));
        assertFalse(log.showsCleanRunSince("web", before));
        write("", start + end("shutdown"));
        assertTrue(log.showsCleanRunSince("web", before));
        assertFalse(log.showsCleanRunSince("web", between));
        write("", start + end("shutdown") + next);
        assertTrue(log.showsCleanRunSince("web", before), "it runs again");
        assertFalse(log.showsCleanRunSince("web", between));
        write("", end("shutdown"));
        assertFalse(log.showsCleanRunSince("web", before), "no start");
        write(".1", start + end("shutdown"));
        assertTrue(log.showsCleanRunSince("web", before), "rolled over");
        assertFalse(log.showsCleanRunSince("../web", before));
    }

    @ParameterizedTest
    @ValueSource(strings = {"shutdown", "destroyed"})
    void acceptsARunThatEnded(String reason) throws IOException {
        write("", START + end("crashed") + START + end(reason));
        assertEquals(Optional.empty(), judge());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"saved", "crashed", "migrated", "failed", "unknown", "daemon", "from snapshot", "something new"})
    void refusesEveryOtherEnd(String reason) throws IOException {
        write("", START + end("shutdown") + START + end(reason));
        refusedFor("'" + reason + "'");
    }

    @Test
    void refusesAnEndWithoutReason() throws IOException {
        write("", START + "2026-11-22 13:33:08.490+0000: shutting down\n");
        refusedFor("no reason given");
    }

    @Test
    void acceptsADomainThatNeverRanHere() {
        assertEquals(Optional.empty(), judge());
    }

    @Test
    void refusesWhenTheDirectoryCannotBeListed() {
        Optional<String> reason = new DomainLog(directory.resolve("missing")).whyNotEnded("web");
        assertTrue(reason.isPresent() && reason.get().contains("does not exist"), reason.toString());
    }

    @Test
    void refusesAStartWithoutEnd() throws IOException {
        write("", START + end("shutdown") + START);
        refusedFor("host went down");
    }

    @Test
    void refusesALogThatSaysNothing() throws IOException {
        write("", "");
        refusedFor("neither it nor an older one says");
    }

    @Test
    void ignoresLinesThatAreNotLibvirts() throws IOException {
        write(
                "",
                START
                        + "shutting down, reason=shutdown\nqemu: 2026-11-22 13:33:08.490+0000: shutting down, reason=shutdown\n");
        refusedFor("host went down");
    }

    @Test
    void looksIntoOlderLogsWhenTheNewestIsSilent() throws IOException {
        write("", "");
        write(".0", QEMU_ENDS);
        write(".1", START + end("shutdown"));
        assertEquals(Optional.empty(), judge());
    }

    @Test
    void looksIntoCompressedLogs() throws IOException {
        write("", "");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(directory.resolve("web.log.2.gz")))) {
            out.write((START + end("saved")).getBytes(StandardCharsets.UTF_8));
        }
        refusedFor("'saved'");
    }

    @Test
    void doesNotReadALongLogToItsBeginning() throws IOException {
        write("", START + end("shutdown") + "x\n".repeat(DomainLog.TAIL_BYTES));
        refusedFor("do not say");
    }

    @Test
    void findsTheEndBehindMuchNoise() throws IOException {
        write("", START + "x\n".repeat(DomainLog.TAIL_BYTES) + end("shutdown"));
        assertEquals(Optional.empty(), judge());
    }

    @Test
    void refusesALogThatItCannotRead() throws IOException {
        Files.createSymbolicLink(directory.resolve("web.log"), directory.resolve("gone"));
        assertTrue(judge().isPresent());
    }

    @Test
    void refusesWhenOnlyLogsOfAnUnknownNameAreLeft() throws IOException {
        write("-20261122", START + end("shutdown"));
        refusedFor("neither it nor an older one says");
    }

    @Test
    void refusesANameThatLeavesTheDirectory() {
        assertTrue(new DomainLog(directory).whyNotEnded("../web").isPresent());
    }
}
