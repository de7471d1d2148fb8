package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageRefusedException;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

class InspectCommandTest {
    private final Cli cli = new Cli();

    @Test
    void jsonHasExactlyTheFieldsOfTheContract() throws IOException {
        Cli.Result result = cli.run("inspect --json a.qcow2");

        assertEquals(0, result.status());
        assertEquals("", result.err());
        Map<String, Object> json = result.json();
        assertEquals(
                List.of("image", "format", "virtualBytes", "partitionTable", "filesystems"),
                List.copyOf(json.keySet()));
        Map<?, ?> first = (Map<?, ?>) ((List<?>) json.get("filesystems")).get(0);
        assertEquals(
                List.of(
                        "device",
                        "startBytes",
                        "lengthBytes",
                        "type",
                        "label",
                        "uuid",
                        "state",
                        "reason",
                        "blockBytes",
                        "totalBytes",
                        "freeBytes"),
                List.copyOf(first.keySet()));
        assertEquals("sda1", first.get("device"));
        assertEquals(1 << 20, first.get("startBytes"));
        assertEquals(16 * Samples.GIB, first.get("lengthBytes"));
        assertEquals("ext4", first.get("type"));
        assertEquals("root", first.get("label"));
        assertEquals("1234-abcd", first.get("uuid"));
        assertEquals("free-space", first.get("state"));
        assertEquals("", first.get("reason"));
        assertEquals(4096, first.get("blockBytes"));
        assertEquals(16 * Samples.GIB, first.get("totalBytes"));
        assertEquals(9 * Samples.GIB, first.get("freeBytes"));
    }

    @Test
    void freeBytesThatAreNotProvenAreNull() throws IOException {
        List<?> filesystems = (List<?>) cli.run("inspect --json a.qcow2").json().get("filesystems");

        Map<?, ?> dirty = (Map<?, ?>) filesystems.get(2);
        assertEquals("dirty", dirty.get("state"));
        assertEquals("its journal needs recovery", dirty.get("reason"));
        assertTrue(dirty.containsKey("freeBytes"));
        assertNull(dirty.get("freeBytes"));
    }

    @Test
    void saysWhatWasReplayedInMemory() throws IOException {
        DiskInspection plain = Samples.disk();
        FilesystemFinding home = plain.filesystems().get(2);
        FilesystemFinding replayed = new FilesystemFinding(
                home.device(),
                home.place(),
                home.identity(),
                new FilesystemState.FreeSpace(
                        Samples.GIB,
                        RangeSet.of(new ByteRange(0, Samples.GIB)),
                        Optional.of("journal replayed in memory: 3 transactions with 5 different blocks")));
        cli.collaborators.inspection =
                new DiskInspection(plain.virtualBytes(), "gpt", List.of(replayed), Optional.empty());
        Map<?, ?> json = (Map<?, ?>) ((List<?>) cli.run("inspect --replay-journals --json a.qcow2")
                        .json()
                        .get("filesystems"))
                .get(0);
        assertEquals("free-space", json.get("state"));
        assertEquals("journal replayed in memory: 3 transactions with 5 different blocks", json.get("replayed"));
        assertEquals(Optional.of(true), cli.collaborators.replayedJournals);
        String text = cli.run("inspect a.qcow2").out();
        assertTrue(text.contains("  note  sda3: journal replayed in memory: 3 transactions"), text);
        assertEquals(Optional.of(false), cli.collaborators.replayedJournals);
    }

    @Test
    void diskThatIsLeftAloneAsAWholeSaysWhy() throws IOException {
        cli.collaborators.inspection =
                new DiskInspection(1 << 20, "gpt", List.of(), Optional.of("the primary header is broken"));

        assertEquals(
                "the primary header is broken",
                cli.run("inspect --json a.raw").json().get("reason"));
        assertTrue(cli.run("inspect a.raw").out().contains("whole disk left alone  the primary header is broken"));
    }

    @Test
    void showsATable() {
        assertEquals("""
                a.qcow2  qcow2 | 20.0 GiB | gpt partition table

                  DEVICE  TYPE  LABEL      SIZE     FREE  STATE
                  ---------------------------------------------------
                  sda1    ext4  root   16.0 GiB  9.0 GiB  free-space
                  sda2    swap          1.0 GiB        -  unsupported
                  sda3    ext4  home    2.0 GiB        -  dirty

                  left alone  sda2: swap is left alone
                  left alone  sda3: its journal needs recovery
                """, cli.run("inspect a.qcow2").out());
    }

    @Test
    void refusedImageIsExitCodeThree() throws IOException {
        cli.collaborators.inspectionFailure = Optional.of(new ImageRefusedException("the image is encrypted"));

        Cli.Result result = cli.run("inspect --json a.qcow2");

        assertEquals(3, result.status());
        assertEquals(Map.of("outcome", "refused", "reason", "the image is encrypted"), result.json());
        assertEquals("virt-shrink: refused: the image is encrypted\n", result.err());
    }

    @Test
    void missingImageIsExitCodeOneInWords() {
        cli.collaborators.inspectionFailure = Optional.of(new NoSuchFileException("/images/a.qcow2"));

        Cli.Result result = cli.run("inspect /images/a.qcow2");

        assertEquals(1, result.status());
        assertEquals("virt-shrink: failed: /images/a.qcow2: no such file\n", result.err());
    }

    @Test
    void wantsAnImage() {
        assertEquals(2, cli.run("inspect").status());
        assertEquals(2, cli.run("inspect a.qcow2 b.qcow2").status());
    }
}
