package virtshrink.originals;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.image.FileStamp;
import virtshrink.image.ImageRefusedException;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.originals.Upkeep.Deed;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;

/** Originals of real domains are kept for as long as was said, and no longer, and go back when asked for. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
class KeptOriginalsTest {
    private static final Duration TWO_DAYS = Duration.ofDays(2);
    private static final Duration FOUR_DAYS = Duration.ofDays(4);

    @TempDir
    static Path directory;

    private OriginalsFixture host;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = OriginalsFixture.start(directory);
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private Path shrunk(String name) throws IOException {
        Path image = host.define(name, name + ".qcow2", "qcow2");
        ShrinkReport report = host.shrink(name, OriginalsFixture.THREE_DAYS);
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        return image;
    }

    private KeptOriginal onlyKept(String name) throws IOException {
        List<KeptOriginal> kept = host.kept(name);
        assertEquals(1, kept.size(), kept::toString);
        return kept.get(0);
    }

    private void assertStays(String name, Path original) throws IOException {
        String before = OriginalsFixture.sha256(original);
        assertEquals(
                List.of(),
                host.upkeepIn(FOUR_DAYS).stream()
                        .filter(deed -> deed.original().domain().equals(name))
                        .toList());
        assertEquals(before, OriginalsFixture.sha256(original));
        assertEquals(Stage.KEPT, onlyKept(name).stage());
        // Not in the way of the other tests.
        host.originals.forget(onlyKept(name));
    }

    @Test
    void originalStaysForItsTimeAndIsRemovedThen() throws IOException {
        Path image = host.define("timed", "timed.qcow2", "qcow2");
        String content = OriginalsFixture.sha256(image);
        FileStamp stamp = FileStamp.of(image).orElseThrow();

        ShrinkReport report = host.shrink("timed", OriginalsFixture.THREE_DAYS);

        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertTrue(report.notes().contains("the original is kept for 3d"), report.notes()::toString);
        KeptOriginal kept = onlyKept("timed");
        assertEquals(stamp, kept.stamp());
        assertEquals(content, OriginalsFixture.sha256(kept.original().file()));
        assertEquals(FileStamp.of(image), kept.replacement());

        assertEquals(List.of(), host.upkeepIn(TWO_DAYS));
        assertTrue(Files.exists(kept.original().file()));

        List<Deed> deeds = host.upkeepIn(FOUR_DAYS);
        assertEquals(1, deeds.size());
        assertEquals(Deed.Kind.REMOVED, deeds.get(0).kind());
        assertTrue(deeds.get(0).bytes() > 7 << 20, deeds::toString);
        assertEquals(List.of("timed.qcow2"), host.beside("timed"));
        assertEquals(List.of(), host.kept("timed"));
    }

    @Test
    void imageWithAKeptOriginalCanBeShrunkAgain() throws IOException {
        Path image = shrunk("again");
        OriginalsFixture.write(image, "qcow2");
        PrivateLibvirtd.run(List.of("qemu-io", "-f", "qcow2", "-c", "write -P 9 6M 1M", image.toString()));
        ShrinkReport second = host.shrink(
                "again",
                OriginalsFixture.THREE_DAYS,
                OriginalsFixture.at(Duration.ofSeconds(5)),
                seen -> seen,
                virtshrink.shrink.ProgressListener.SILENT);
        assertEquals(Outcome.SHRUNK, second.outcome(), second::reason);
        assertEquals(2, host.kept("again").size());
        assertEquals(3, host.beside("again").size());
        host.upkeepIn(FOUR_DAYS);
        assertEquals(List.of("again.qcow2"), host.beside("again"));
    }

    @Test
    void otherFileInItsPlaceIsNeverTouched() throws IOException {
        shrunk("foreign");
        Path place = onlyKept("foreign").original().file();
        Files.delete(place);
        Files.writeString(place, "somebody else's");
        assertStays("foreign", place);
    }

    @Test
    void originalThatWasWrittenToIsNeverTouched() throws IOException {
        shrunk("written");
        Path original = onlyKept("written").original().file();
        OriginalsFixture.write(original, "qcow2");
        assertStays("written", original);
    }

    @Test
    void originalThatSomethingStandsOnIsNeverRemoved() throws IOException {
        shrunk("based");
        Path original = onlyKept("based").original().file();
        PrivateLibvirtd.run(List.of(
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-F",
                "qcow2",
                "-b",
                original.toString(),
                host.images.resolve("overlay.qcow2").toString()));
        assertStays("based", original);
    }

    @Test
    void originalThatADomainUsesIsNeverRemoved() throws IOException {
        shrunk("shared");
        Path original = onlyKept("shared").original().file();
        host.libvirtd.defineDomain("borrower", fileDisk("vdb", original, "qcow2"));
        assertStays("shared", original);
    }

    @Test
    void lastCopyIsNeverRemoved() throws IOException {
        Path image = shrunk("lost");
        Files.move(image, directory.resolve("elsewhere.qcow2"));
        assertStays("lost", onlyKept("lost").original().file());
    }

    @Test
    void originalThatIsGoneIsForgotten() throws IOException {
        shrunk("gone");
        Files.delete(onlyKept("gone").original().file());
        assertEquals(
                List.of(Deed.Kind.MISSED),
                host.upkeepIn(FOUR_DAYS).stream().map(Deed::kind).toList());
        assertEquals(List.of(), host.kept("gone"));
    }

    @Test
    void onlyACleanStopAfterTheRunEndsTheKeeping() throws IOException {
        host.define("stopped", "stopped.qcow2", "qcow2");
        host.runCleanly("stopped");
        assertEquals(
                Outcome.SHRUNK,
                host.shrink("stopped", OriginalsFixture.UNTIL_CLEAN_STOP).outcome());
        host.upkeepIn(FOUR_DAYS);
        assertEquals(1, host.kept("stopped").size(), "it has not run since");

        host.libvirtd.virsh("start", "stopped");
        host.upkeepIn(FOUR_DAYS);
        assertEquals(1, host.kept("stopped").size(), "it runs");
        host.libvirtd.virsh("destroy", "stopped");
        host.upkeepIn(FOUR_DAYS);
        assertEquals(1, host.kept("stopped").size(), "it was pulled off");

        host.runCleanly("stopped");
        assertEquals(
                List.of(Deed.Kind.REMOVED),
                host.upkeepIn(Duration.ZERO).stream().map(Deed::kind).toList());
        assertEquals(List.of("stopped.qcow2"), host.beside("stopped"));
    }

    @Test
    void runThatGainsNothingKeepsNothing() throws IOException {
        Path image = shrunk("nothing");
        host.upkeepIn(FOUR_DAYS);
        ShrinkReport second = host.shrink("nothing", OriginalsFixture.THREE_DAYS);
        assertEquals(Outcome.NOTHING_TO_GAIN, second.outcome());
        assertEquals(List.of(), host.kept("nothing"));
        assertEquals(List.of(image.getFileName().toString()), host.beside("nothing"));
    }

    @Test
    void originalIsPutBack() throws Exception {
        Path image = host.define("back", "back.qcow2", "qcow2");
        String content = OriginalsFixture.sha256(image);
        FileStamp stamp = FileStamp.of(image).orElseThrow();
        host.shrink("back", OriginalsFixture.THREE_DAYS);
        assertNotEquals(content, OriginalsFixture.sha256(image));

        assertEquals(List.of(), host.restore("back", false));

        assertEquals(content, OriginalsFixture.sha256(image));
        assertEquals(stamp, FileStamp.of(image).orElseThrow());
        assertEquals(List.of("back.qcow2"), host.beside("back"));
        assertEquals(List.of(), host.kept("back"));
        host.libvirtd.virsh("start", "back");
        host.libvirtd.virsh("destroy", "back");
    }

    @Test
    void whatTheGuestHasStoredSinceIsLostOnlyOnRequest() throws Exception {
        Path image = shrunk("changed");
        OriginalsFixture.write(image, "qcow2");
        String changed = OriginalsFixture.sha256(image);

        ImageRefusedException refused = assertThrows(ImageRefusedException.class, () -> host.restore("changed", false));
        assertTrue(String.valueOf(refused.getMessage()).contains("--discard-changes"), refused::getMessage);
        assertEquals(changed, OriginalsFixture.sha256(image));
        assertEquals(Stage.KEPT, onlyKept("changed").stage());

        String original = OriginalsFixture.sha256(onlyKept("changed").original().file());
        List<String> notes = host.restore("changed", true);
        assertTrue(notes.get(0).contains("is lost"), notes::toString);
        assertEquals(original, OriginalsFixture.sha256(image));
        assertEquals(List.of("changed.qcow2"), host.beside("changed"));
    }

    @Test
    void runningGuestKeepsItsDisk() throws Exception {
        Path image = shrunk("running");
        FileStamp stamp = FileStamp.of(image).orElseThrow();
        host.libvirtd.virsh("start", "running");
        ImageRefusedException refused = assertThrows(ImageRefusedException.class, () -> host.restore("running", true));
        assertTrue(String.valueOf(refused.getMessage()).contains("running, not shut off"), refused::getMessage);
        host.libvirtd.virsh("destroy", "running");
        assertTrue(FileStamp.of(image).orElseThrow().sameFile(stamp));
        assertEquals(Stage.KEPT, onlyKept("running").stage());
    }

    @Test
    void imageThatSomebodyHasOpenIsNotTakenAway() throws Exception {
        Path image = shrunk("open");
        try (var reader = Files.newByteChannel(image)) {
            ImageRefusedException refused = assertThrows(ImageRefusedException.class, () -> host.restore("open", true));
            assertTrue(
                    String.valueOf(refused.getMessage()).contains("is open in another process"), refused::getMessage);
            assertTrue(reader.isOpen());
        }
        assertEquals(List.of(), host.restore("open", false));
        assertFalse(Files.exists(image.resolveSibling("nothing")));
    }
}
