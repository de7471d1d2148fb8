package virtshrink.originals;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.image.FileStamp;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.originals.DyingConversion.Step;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.originals.Upkeep.Deed;
import virtshrink.os.ProcessIdentity;
import virtshrink.shrink.Outcome;

/** {@code kill -9} at any step leaves a domain with one whole disk, and the next upkeep finishes or undoes what was begun. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(240)
class ConversionCrashTest {
    private static final int SIGKILLED = 137;

    @TempDir
    static Path directory;

    private OriginalsFixture host;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = OriginalsFixture.start(directory);
        host.runs();
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private void dieAt(Step step, String domain) throws Exception {
        Path log = directory.resolve(domain + ".log");
        ProcessBuilder child = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx128m",
                        "-cp",
                        classPath(),
                        DyingConversion.class.getName(),
                        host.libvirtd.uri(),
                        host.libvirtd.domainLogDirectory().toString(),
                        host.state.toString(),
                        host.runs.toString(),
                        domain,
                        step.name())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        child.environment().put("VIRT_SHRINK_RUN_DIRECTORY", host.runs.toString());
        assertEquals(SIGKILLED, child.start().waitFor(), () -> {
            try {
                return Files.readString(log);
            } catch (IOException e) {
                return e.toString();
            }
        });
    }

    private static String classPath() {
        return Stream.of(
                        DyingConversion.class,
                        KeptOriginal.class,
                        org.junit.jupiter.api.Assertions.class,
                        org.opentest4j.AssertionFailedError.class,
                        org.slf4j.Logger.class,
                        ch.qos.logback.classic.Logger.class,
                        ch.qos.logback.core.Appender.class,
                        com.fasterxml.jackson.jr.ob.JSON.class,
                        com.fasterxml.jackson.core.JsonParser.class,
                        com.sun.jna.Native.class,
                        org.libvirt.Connect.class)
                .map(type ->
                        type.getProtectionDomain().getCodeSource().getLocation().getPath())
                .distinct()
                .collect(Collectors.joining(":"));
    }

    private boolean isDefinedAs(String domain, Path image, String format) throws IOException {
        String xml = host.definition(domain);
        return xml.contains("'" + image + "'") && xml.contains("type='" + format + "'");
    }

    /** Whichever the definition names is whole, without anybody having tidied up. */
    private void assertWhole(String domain, Path raw, String content, Path qcow2) throws IOException {
        if (isDefinedAs(domain, raw, "raw")) {
            assertEquals(content, OriginalsFixture.sha256(raw));
        } else {
            assertTrue(isDefinedAs(domain, qcow2, "qcow2"), host.definition(domain));
            PrivateLibvirtd.run(List.of("qemu-img", "check", "-q", "-f", "qcow2", qcow2.toString()));
        }
        assertEquals(content, OriginalsFixture.sha256(raw));
        host.libvirtd.virsh("domblkinfo", domain, "vda");
    }

    @ParameterizedTest
    @EnumSource(names = {"INTENDED", "REBUILDING", "CONVERTED", "MOVING_RECORDED", "NAMED", "DEFINED", "DONE"})
    void conversionIsFinishedOrUndone(Step step) throws Exception {
        String domain = step.name().toLowerCase(java.util.Locale.ROOT);
        Path raw = host.define(domain, domain + ".img", "raw");
        Path qcow2 = host.images.resolve(domain + ".qcow2");
        String content = OriginalsFixture.sha256(raw);

        dieAt(step, domain);

        assertWhole(domain, raw, content, qcow2);
        boolean moved = step == Step.DEFINED || step == Step.DONE;
        assertEquals(moved, isDefinedAs(domain, qcow2, "qcow2"));
        host.upkeepIn(Duration.ZERO);
        assertWhole(domain, raw, content, qcow2);
        if (moved) {
            assertEquals(List.of(domain + ".img", domain + ".qcow2"), host.beside(domain));
            assertEquals(Stage.KEPT, host.kept(domain).get(0).stage());
        } else {
            assertEquals(List.of(domain + ".img"), host.beside(domain));
            assertEquals(List.of(), host.kept(domain));
            // Another night does it.
            assertEquals(
                    Outcome.SHRUNK,
                    host.shrink(domain, OriginalsFixture.CONVERT).outcome());
            assertTrue(isDefinedAs(domain, qcow2, "qcow2"));
        }
        host.upkeepIn(Duration.ofDays(4));
        assertEquals(List.of(domain + ".qcow2"), host.beside(domain));
    }

    @ParameterizedTest
    @EnumSource(names = {"RETURN_RECORDED", "RETURN_DEFINED"})
    void returnOfARawDiskIsFinishedOrUndone(Step step) throws Exception {
        String domain = step.name().toLowerCase(java.util.Locale.ROOT);
        Path raw = host.define(domain, domain + ".img", "raw");
        Path qcow2 = host.images.resolve(domain + ".qcow2");
        String content = OriginalsFixture.sha256(raw);
        assertEquals(
                Outcome.SHRUNK, host.shrink(domain, OriginalsFixture.CONVERT).outcome());

        dieAt(step, domain);

        assertWhole(domain, raw, content, qcow2);
        host.upkeepIn(Duration.ZERO);
        assertWhole(domain, raw, content, qcow2);
        if (step == Step.RETURN_DEFINED) {
            assertEquals(List.of(domain + ".img"), host.beside(domain));
            assertEquals(List.of(), host.kept(domain));
        } else {
            assertEquals(List.of(domain + ".img", domain + ".qcow2"), host.beside(domain));
            host.restore(domain, false);
            assertEquals(List.of(domain + ".img"), host.beside(domain));
        }
    }

    /** A record as a process would have left it that is no more. */
    private KeptOriginal leftBehind(KeptOriginal kept, Stage stage) throws IOException {
        KeptOriginal left = kept.at(stage, kept.since());
        KeptOriginal dead = new KeptOriginal(
                left.id(),
                left.stage(),
                new ProcessIdentity(1, 1),
                left.since(),
                left.uuid(),
                left.domain(),
                left.target(),
                left.image(),
                left.original(),
                left.stamp(),
                left.replacement(),
                left.keep());
        host.originals.write(dead);
        return dead;
    }

    @Test
    void guestThatRanOnTheRawDiskWhileItsDefinitionWasChangedKeepsIt() throws Exception {
        Path raw = host.define("overtaken", "overtaken.img", "raw");
        Path qcow2 = host.images.resolve("overtaken.qcow2");
        host.shrink("overtaken", OriginalsFixture.CONVERT);
        leftBehind(host.kept("overtaken").get(0), Stage.MOVING);
        OriginalsFixture.write(raw, "raw");
        String written = OriginalsFixture.sha256(raw);

        assertEquals(List.of(Deed.Kind.SETTLED), kinds(host.upkeepIn(Duration.ZERO)));

        assertTrue(isDefinedAs("overtaken", raw, "raw"));
        assertEquals(written, OriginalsFixture.sha256(raw));
        assertEquals(List.of("overtaken.img"), host.beside("overtaken"));
        assertEquals(false, Files.exists(qcow2));
    }

    @Test
    void twoDisksThatBothWentOnAreLeftToPeople() throws Exception {
        Path raw = host.define("forked", "forked.img", "raw");
        Path qcow2 = host.images.resolve("forked.qcow2");
        host.shrink("forked", OriginalsFixture.CONVERT);
        leftBehind(host.kept("forked").get(0), Stage.MOVING);
        OriginalsFixture.write(raw, "raw");
        OriginalsFixture.write(qcow2, "qcow2");

        assertEquals(List.of(), host.upkeepIn(Duration.ofDays(4)));

        assertTrue(isDefinedAs("forked", qcow2, "qcow2"));
        assertEquals(List.of("forked.img", "forked.qcow2"), host.beside("forked"));
        host.originals.forget(host.kept("forked").get(0));
    }

    @Test
    void keepingThatDiedIsTakenUpWhereItWas() throws Exception {
        Path image = host.define("cut", "cut.qcow2", "qcow2");
        FileStamp stamp = FileStamp.of(image).orElseThrow();
        host.shrink("cut", OriginalsFixture.THREE_DAYS);
        KeptOriginal kept = host.kept("cut").get(0);
        leftBehind(kept.with(kept.stamp(), java.util.Optional.empty()), Stage.INTENDED);

        assertEquals(List.of(Deed.Kind.SETTLED), kinds(host.upkeepIn(Duration.ZERO)));
        assertEquals(kept.replacement(), host.kept("cut").get(0).replacement());

        // Before the two are exchanged.
        leftBehind(host.kept("cut").get(0), Stage.RETURNING);
        assertEquals(List.of(Deed.Kind.SETTLED), kinds(host.upkeepIn(Duration.ZERO)));
        assertEquals(Stage.KEPT, host.kept("cut").get(0).stage());

        // And after.
        leftBehind(host.kept("cut").get(0), Stage.RETURNING);
        Path aside = directory.resolve("aside");
        Files.move(image, aside);
        Files.move(kept.original().file(), image);
        Files.move(aside, kept.original().file(), StandardCopyOption.ATOMIC_MOVE);
        assertEquals(List.of(Deed.Kind.SETTLED), kinds(host.upkeepIn(Duration.ZERO)));
        assertEquals(stamp, FileStamp.of(image).orElseThrow());
        assertEquals(List.of("cut.qcow2"), host.beside("cut"));
        assertEquals(List.of(), host.kept("cut"));
    }

    @Test
    void whatAnotherProcessIsAtIsLeftAlone() throws Exception {
        host.define("busy", "busy.qcow2", "qcow2");
        host.shrink("busy", OriginalsFixture.THREE_DAYS);
        KeptOriginal kept = host.kept("busy").get(0);
        host.originals.workOn(kept.at(Stage.RETURNING, Clock.systemUTC().instant()));
        assertEquals(List.of(), host.upkeepIn(Duration.ofDays(4)));
        assertEquals(Stage.RETURNING, host.kept("busy").get(0).stage());
        host.originals.letGo(kept);
        host.originals.forget(kept);
    }

    private static List<Deed.Kind> kinds(List<Deed> deeds) {
        return deeds.stream().map(Deed::kind).toList();
    }
}
