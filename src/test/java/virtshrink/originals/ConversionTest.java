package virtshrink.originals;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.daemon.UsedImage;
import virtshrink.image.FileStamp;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.originals.Upkeep.Deed;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.Shrinker;

/** Raw disks of real domains become qcow2, or stay what they are; never anything in between. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(180)
class ConversionTest {
    @TempDir
    static Path directory;

    private OriginalsFixture host;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = OriginalsFixture.start(directory);
        host.installHook();
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private ShrinkReport converted(String name) throws IOException {
        return converted(name, real -> real);
    }

    private ShrinkReport converted(String name, UnaryOperator<DiskHost> seen) throws IOException {
        return host.shrink(name, OriginalsFixture.CONVERT, Clock.systemUTC(), seen, ProgressListener.SILENT);
    }

    private String diskOf(String name) throws IOException {
        return host.libvirtd
                .virsh("domblklist", "--inactive", "--details", name)
                .strip();
    }

    private void assertDefinedAs(String name, Path image, String format) throws IOException {
        assertTrue(diskOf(name).endsWith(" " + image), diskOf(name));
        assertTrue(host.definition(name).contains("type='" + format + "'"), host.definition(name));
    }

    /** What the same run makes of a raw disk that stays raw. */
    private Path shrunkCopyOf(Path raw) throws IOException {
        Path copy = Files.copy(raw, raw.resolveSibling("expected-" + raw.getFileName()));
        ShrinkReport report = new Shrinker()
                .run(ShrinkRequest.of(copy, ImageFormat.RAW), ProgressListener.SILENT, new Cancellation());
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        return copy;
    }

    private static void assertSameForTheGuest(Path raw, Path qcow2) throws IOException {
        PrivateLibvirtd.run(List.of("qemu-img", "check", "-q", "-f", "qcow2", qcow2.toString()));
        PrivateLibvirtd.run(
                List.of("qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", raw.toString(), qcow2.toString()));
    }

    @Test
    void domainGetsAQcow2ImageAndLosesNothingElse() throws Exception {
        Path raw = UsedImage.raw(host.images.resolve("full & d'isk.img"), 8);
        Path xml = directory.resolve("full.xml");
        Files.writeString(
                xml,
                PrivateLibvirtd.domainXml("full", """
                        <disk type='file' device='disk'>
                          <driver name='qemu' type='raw' cache='none' discard='unmap'/>
                          <source file='%s'>
                            <seclabel model='dac' relabel='no'/>
                          </source>
                          <backingStore/>
                          <target dev='vda' bus='virtio'/>
                          <serial>4711</serial>
                        </disk>
                        <graphics type='vnc' passwd='s&amp;cret'/>""".formatted(
                                        raw.toString().replace("&", "&amp;").replace("'", "&apos;")))
                        .replace(
                                "<memory ",
                                "<title>Büro – \uD83D\uDDA5</title><description>line 1\nline  2</description>"
                                        + "<metadata><a:b xmlns:a='urn:test:a' a:c='x&#10;y'>t<a:d/></a:b></metadata><memory "));
        host.libvirtd.virsh("define", xml.toString());
        String before = host.definition("full");
        FileStamp stamp = FileStamp.of(raw).orElseThrow();
        String content = OriginalsFixture.sha256(raw);
        Path expected = shrunkCopyOf(raw);

        ShrinkReport report = converted("full");

        Path qcow2 = host.images.resolve("full & d'isk.qcow2");
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertEquals(qcow2, report.image());
        assertTrue(report.reclaimedBytes() > 4 << 20, report::toString);
        assertEquals(
                before.replace("type='raw'", "type='qcow2'")
                        .replace("full &amp; d&apos;isk.img", "full &amp; d&apos;isk.qcow2")
                        .replaceFirst("\n +<backingStore/>", ""),
                host.definition("full"));
        assertTrue(before.contains("passwd='s&amp;cret'") && before.contains("Büro – \uD83D\uDDA5"), before);
        assertSameForTheGuest(expected, qcow2);
        assertEquals(content, OriginalsFixture.sha256(raw));
        assertEquals(Optional.of(stamp), FileStamp.of(raw));

        host.runCleanly("full");
        assertEquals(List.of(), host.upkeepIn(Duration.ofDays(2)));
        assertEquals(
                List.of(Deed.Kind.REMOVED),
                host.upkeepIn(Duration.ofDays(4)).stream().map(Deed::kind).toList());
        assertFalse(Files.exists(raw));
        assertEquals(List.of("expected-full & d'isk.img", "full & d'isk.qcow2"), host.beside("isk"));
    }

    @Test
    void diskWithoutADriverElementIsConverted() throws Exception {
        Path raw = UsedImage.raw(host.images.resolve("driverless"), 8);
        host.libvirtd.defineDomain(
                "driverless",
                "<disk type='file' device='disk'><source file='" + raw + "'/><target dev='vda' bus='virtio'/></disk>");
        assertEquals(Outcome.SHRUNK, converted("driverless").outcome());
        assertDefinedAs("driverless", host.images.resolve("driverless.qcow2"), "qcow2");
    }

    @Test
    void fileThatHasTheNameAlreadyIsNotOverwritten() throws Exception {
        Path raw = host.define("taken", "taken.img", "raw");
        Path there = Files.writeString(host.images.resolve("taken.qcow2"), "somebody else's");
        ShrinkReport report = converted("taken");
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertEquals(
                List.of("the disk stays raw: " + there + " exists already"),
                report.notes().stream()
                        .filter(note -> note.startsWith("the disk stays raw"))
                        .toList());
        assertEquals("somebody else's", Files.readString(there));
        assertDefinedAs("taken", raw, "raw");
        assertEquals(List.of(), host.kept("taken"));
    }

    @Test
    void fileThatGetsTheNameMeanwhileIsNotOverwritten() throws Exception {
        Path raw = host.define("raced", "raced.img", "raw");
        Path there = host.images.resolve("raced.qcow2");
        ShrinkReport report = converted("raced", real -> {
            try {
                Files.writeString(there, "somebody else's");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return real;
        });
        assertEquals(Outcome.REFUSED, report.outcome(), report::reason);
        assertEquals(there + " exists already", report.reason());
        assertEquals(report.before(), report.after());
        assertEquals("somebody else's", Files.readString(there));
        assertDefinedAs("raced", raw, "raw");
        assertEquals(List.of("raced.img", "raced.qcow2"), host.beside("raced"));
        assertEquals(List.of(), host.kept("raced"));
    }

    @Test
    void volumeOfAPoolStaysRaw() throws Exception {
        Path pool = Files.createDirectory(directory.resolve("pool"));
        UsedImage.raw(pool.resolve("volume.img"), 8);
        host.libvirtd.virsh("pool-create-as", "fast", "dir", "--target", pool.toString());
        host.libvirtd.defineDomain("pooled", """
                <disk type='volume' device='disk'>
                  <driver name='qemu' type='raw'/>
                  <source pool='fast' volume='volume.img'/>
                  <target dev='vda' bus='virtio'/>
                </disk>""");
        ShrinkReport report = converted("pooled");
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertTrue(
                report.notes()
                        .contains("the disk stays raw: it is defined as a volume of a storage pool, not as a file"),
                report.notes()::toString);
    }

    @Test
    void rawDiskIsPutBack() throws Exception {
        Path raw = host.define("undone", "undone.img", "raw");
        String content = OriginalsFixture.sha256(raw);
        String definition = host.definition("undone");
        assertEquals(Outcome.SHRUNK, converted("undone").outcome());
        Path qcow2 = host.images.resolve("undone.qcow2");
        OriginalsFixture.write(qcow2, "qcow2");

        assertThrows(ImageRefusedException.class, () -> host.restore("undone", false));
        assertDefinedAs("undone", qcow2, "qcow2");

        host.restore("undone", true);
        assertEquals(definition, host.definition("undone"));
        assertEquals(content, OriginalsFixture.sha256(raw));
        assertEquals(List.of("undone.img"), host.beside("undone"));
        assertEquals(List.of(), host.kept("undone"));
    }

    private void startInBackground(String name) throws IOException {
        new ProcessBuilder("virsh", "-q", "-c", host.libvirtd.uri(), "start", name)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve(name + ".start").toFile())
                .start();
    }

    /** The hook of the starting guest has come, so libvirt is going to answer nobody before it is over. */
    private void awaitHook() throws IOException {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!hookHasCome()) {
            if (System.nanoTime() > deadline) {
                throw new IOException("the guest does not start");
            }
        }
    }

    private boolean hookHasCome() throws IOException {
        try (Stream<Path> requests = Files.walk(host.runs, 2)) {
            return requests.anyMatch(file -> file.endsWith("yield") || file.endsWith("yielded"));
        } catch (UncheckedIOException runEndsInThisMoment) {
            return false;
        }
    }

    private void assertRunsOnItsRawDisk(String name, Path raw) throws IOException {
        host.libvirtd.awaitState(name, "running");
        assertTrue(host.libvirtd.virsh("domblklist", name).strip().endsWith(" " + raw));
        assertDefinedAs(name, raw, "raw");
        assertEquals(List.of(raw.getFileName().toString()), host.beside(name));
        assertEquals(List.of(), host.kept(name));
        host.libvirtd.virsh("destroy", name);
    }

    @Test
    void guestThatStartsBeforeItsDefinitionIsChangedHasItsRawDisk() throws Exception {
        Path raw = host.define("early", "early.img", "raw");
        ShrinkReport report = converted("early", real -> new PassingHost(real) {
            private int asked;

            @Override
            void afterGuard() {
                asked++;
                try {
                    if (asked == 2) {
                        startInBackground("early");
                        awaitHook();
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        });
        assertEquals(Outcome.YIELDED, report.outcome(), report::reason);
        assertRunsOnItsRawDisk("early", raw);
    }

    @Test
    void guestThatStartsWhileItsDefinitionIsBeingChangedHasItsRawDisk() throws Exception {
        Path raw = host.define("during", "during.img", "raw");
        ShrinkReport report = converted("during", real -> new PassingHost(real) {
            private boolean first = true;

            @Override
            void beforeMove() throws LibvirtUnavailableException {
                if (!first) {
                    return;
                }
                first = false;
                try {
                    startInBackground("during");
                    awaitHook();
                } catch (IOException e) {
                    throw new LibvirtUnavailableException("test", e);
                }
            }
        });
        assertEquals(Outcome.YIELDED, report.outcome(), report::reason);
        assertRunsOnItsRawDisk("during", raw);
    }

    @Test
    void libvirtThatFailsAfterTheChangeIsAskedWhatItHasDone() throws Exception {
        host.define("deaf", "deaf.img", "raw");
        ShrinkReport report = converted("deaf", real -> new PassingHost(real) {
            @Override
            void afterMove() throws LibvirtUnavailableException {
                throw new LibvirtUnavailableException("the connection is broken");
            }
        });
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertDefinedAs("deaf", host.images.resolve("deaf.qcow2"), "qcow2");
        assertEquals(Stage.KEPT, host.kept("deaf").get(0).stage());
    }

    @Test
    void libvirtThatFailsBeforeTheChangeLeavesTheRawDisk() throws Exception {
        Path raw = host.define("absent", "absent.img", "raw");
        ShrinkReport report = converted("absent", real -> new PassingHost(real) {
            @Override
            void beforeMove() throws LibvirtUnavailableException {
                throw new LibvirtUnavailableException("nobody answers");
            }
        });
        assertEquals(Outcome.FAILED, report.outcome(), report::reason);
        assertTrue(report.reason().startsWith("nobody answers; both images are whole"), report::reason);
        assertDefinedAs("absent", raw, "raw");
        // The call may yet come through: until then the copy has not the name that the definition would have.
        assertFalse(Files.exists(host.images.resolve("absent.qcow2")));
        host.upkeepIn(Duration.ZERO);
        assertDefinedAs("absent", raw, "raw");
        assertEquals(List.of("absent.img"), host.beside("absent"));
        assertEquals(List.of(), host.kept("absent"));
    }
}
