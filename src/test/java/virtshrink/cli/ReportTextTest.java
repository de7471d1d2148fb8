package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.job.JsonReport;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;
import virtshrink.shrink.ShrinkRequest;

class ReportTextTest {
    private static final ShrinkRequest REQUEST = ShrinkRequest.of(Path.of("/images/web.qcow2"), ImageFormat.QCOW2);

    private static String text(ShrinkReport report, Style style) {
        return String.join("\n", new ReportText(style, false).lines(report, ImageFormat.QCOW2)) + "\n";
    }

    @Test
    void tellsWhatWasGivenBackWhatItTookAndWhatWasLeftAlone() {
        ShrinkReport report = new ShrinkReport(
                REQUEST.image(),
                Optional.of("vda"),
                Samples.MOST,
                Samples.SOME,
                8 * Samples.GIB,
                Outcome.SHRUNK,
                "",
                Samples.PHASES,
                Optional.of(Samples.disk()),
                List.of(new FilesystemGain("sda1", 8 * Samples.GIB)),
                List.of("the original is kept as web.qcow2.orig"));

        assertEquals("""
                vda  /images/web.qcow2  qcow2 · 20.0 GiB

                  before       10.0 GiB
                  after        2.0 GiB
                  reclaimed    8.0 GiB  (80.0 %)
                  time         1.7 s
                               inspect 20 ms · rebuild 1.2 s · verify 446 ms
                  outcome      shrunk

                  DEVICE  TYPE  LABEL      SIZE     FREE  RECLAIMABLE
                  ───────────────────────────────────────────────────
                  sda1    ext4  root   16.0 GiB  9.0 GiB      8.0 GiB
                  sda2    swap          1.0 GiB        –            –
                  sda3    ext4  home    2.0 GiB        –            –

                  left alone  sda2: swap is left alone
                  left alone  sda3: its journal needs recovery

                  note         the original is kept as web.qcow2.orig
                """, text(report, new Style(Glyphs.UNICODE, false)));
    }

    @Test
    void speaksAsciiWhereTheLocaleIsNotUtf8() {
        ShrinkReport report = Samples.report(REQUEST, Samples.MOST, Samples.SOME, Outcome.SHRUNK, "");

        assertTrue(text(report, new Style(Glyphs.ASCII, false)).chars().allMatch(c -> c < 128));
    }

    @Test
    void tellsTheReasonOfARefusal() {
        ShrinkReport report = new ShrinkReport(
                REQUEST.image(),
                Optional.empty(),
                Samples.MOST,
                Samples.MOST,
                0,
                Outcome.REFUSED,
                "a guest uses it",
                Map.of(Phase.JUDGE, Duration.ofMillis(3)),
                Optional.empty(),
                List.of(),
                List.of());

        assertEquals("""
                /images/web.qcow2  qcow2

                  before       10.0 GiB
                  after        10.0 GiB
                  reclaimed    0 B  (0.0 %)
                  time         3 ms
                               judge 3 ms
                  outcome      refused: a guest uses it
                """, text(report, new Style(Glyphs.UNICODE, false)));
    }

    @Test
    void manyPhasesTakeSeveralLines() {
        Map<Phase, Duration> phases = new EnumMap<>(Phase.class);
        for (Phase phase : Phase.values()) {
            phases.put(phase, Duration.ofMillis(111));
        }
        ShrinkReport report = new ShrinkReport(
                REQUEST.image(),
                Optional.empty(),
                Samples.MOST,
                Samples.SOME,
                0,
                Outcome.SHRUNK,
                "",
                phases,
                Optional.empty(),
                List.of(),
                List.of());

        assertEquals(
                List.of(
                        "time         888 ms",
                        "judge 111 ms · attach 111 ms · inspect 111 ms · estimate 111 ms",
                        "zero 111 ms · rebuild 111 ms · verify 111 ms · swap 111 ms"),
                text(report, new Style(Glyphs.UNICODE, false))
                        .lines()
                        .skip(5)
                        .limit(3)
                        .map(String::strip)
                        .toList());
    }

    @Test
    void colourIsOnlyAddedWhereItIsWanted() {
        ShrinkReport report = Samples.report(REQUEST, Samples.MOST, Samples.SOME, Outcome.SHRUNK, "");

        String coloured = text(report, new Style(Glyphs.UNICODE, true));

        assertTrue(coloured.contains("\u001b[1;32m8.0 GiB  (80.0 %)\u001b[0m"), coloured);
        assertEquals(text(report, new Style(Glyphs.UNICODE, false)), coloured.replaceAll("\u001b\\[[0-9;]*m", ""));
    }

    @Test
    void nothingThatAGuestChoosesReachesTheTerminalRaw() {
        String evil = "\u001b]0;x\u0007\u202e\u009b2J\n";
        DiskInspection disk = new DiskInspection(
                1 << 20,
                evil,
                List.of(new FilesystemFinding(
                        evil,
                        new ByteRange(0, 1 << 20),
                        new FilesystemIdentity(evil, evil, evil, 4096, 1 << 20),
                        new FilesystemState.Corrupt(evil))),
                Optional.of(evil));
        ShrinkReport report = new ShrinkReport(
                Path.of("/images/" + evil),
                Optional.of(evil),
                Samples.MOST,
                Samples.MOST,
                0,
                Outcome.FAILED,
                evil,
                Map.of(),
                Optional.of(disk),
                List.of(),
                List.of(evil));

        String all = text(report, new Style(Glyphs.UNICODE, false))
                + String.join(
                        "\n",
                        new InspectionText(new Style(Glyphs.UNICODE, false))
                                .lines(report.image(), ImageFormat.RAW, disk))
                + ReportText.outcomeWords(Outcome.FAILED, evil)
                + Json.line(JsonReport.report(report, ImageFormat.RAW));

        assertFalse(all.chars().anyMatch(c -> c == 0x1b || c == 7 || c == 0x9b || c == 0x202e), all);
    }
}
