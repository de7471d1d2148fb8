package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.shrink.Phase;

class ProgressTest {
    private static final long SECOND = 1_000_000_000L;
    private static final long MIB = 1 << 20;
    private static final Style ASCII = new Style(Glyphs.ASCII, false);

    private final TestScreen screen = new TestScreen(true);
    private long now = 42 * SECOND;
    private int columns = 80;

    private LiveProgress live() {
        return new LiveProgress(screen.err(), ASCII, () -> columns, () -> now);
    }

    @Test
    void rateAndTimeLeftComeFromTheLastSeconds() {
        PhaseProgress phase = new PhaseProgress("rebuild", 0);
        for (int second = 1; second <= 20; second++) {
            phase.advanced(second * (100 * MIB), 10_000 * MIB, second * SECOND);
        }
        for (int second = 21; second <= 40; second++) {
            phase.advanced(2000 * MIB + (second - 20) * (10 * MIB), 10_000 * MIB, second * SECOND);
        }

        assertEquals(OptionalLong.of(10 * MIB), phase.bytesPerSecond(40 * SECOND));
        assertEquals(OptionalLong.of(780), phase.secondsLeft(40 * SECOND));
        assertEquals(OptionalDouble.of(0.22), phase.fraction());
    }

    @Test
    void rateOfAStalledPhaseFalls() {
        PhaseProgress phase = new PhaseProgress("rebuild", 0);
        phase.advanced(100 * MIB, 200 * MIB, SECOND);

        assertEquals(OptionalLong.of(100 * MIB), phase.bytesPerSecond(SECOND));
        assertEquals(OptionalLong.of(10 * MIB), phase.bytesPerSecond(10 * SECOND));
    }

    @Test
    void nothingIsKnownAtTheStart() {
        PhaseProgress phase = new PhaseProgress("verify", 0);

        assertEquals(OptionalDouble.empty(), phase.fraction());
        phase.advanced(0, 100, SECOND / 4);
        assertEquals(OptionalLong.empty(), phase.bytesPerSecond(SECOND / 4));
        assertEquals(OptionalLong.empty(), phase.secondsLeft(SECOND));
    }

    @Test
    void figuresOutOfRangeAreBounded() {
        PhaseProgress phase = new PhaseProgress("verify", 0);
        phase.advanced(500, 100, SECOND);
        assertEquals(OptionalDouble.of(1), phase.fraction());
        phase.advanced(-1, 0, 2 * SECOND);
        assertEquals(OptionalDouble.of(0), phase.fraction());
    }

    @Test
    void lineHasBarRateAndTimeLeft() {
        PhaseProgress phase = new PhaseProgress("rebuild", 0);
        phase.advanced(512 * MIB, 2048 * MIB, SECOND);

        assertEquals(
                "web.qcow2  rebuild   ######....................   25 %   512.0 MiB/s  0:03 left",
                ProgressBar.line("web.qcow2", phase, SECOND, 80, ASCII));
        assertEquals(
                "web.qcow2  rebuild   ██████▊░░░░░░░░░░░░░░░░░░░░   25 %   512.0 MiB/s  0:03 left",
                ProgressBar.line("web.qcow2", phase, SECOND, 81, new Style(Glyphs.UNICODE, false)));
    }

    @Test
    void phaseWithoutFiguresShowsItsTime() {
        assertEquals(
                "web.qcow2  verify    0:05",
                ProgressBar.line("web.qcow2", new PhaseProgress("verify", 0), 5 * SECOND, 80, ASCII));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 10, 20, 30, 40, 50, 60, 79, 80, 120, 300})
    void lineNeverReachesTheLastColumn(int width) {
        PhaseProgress phase = new PhaseProgress("rebuild", 0);
        phase.advanced(512 * MIB, 1 << 30, SECOND);

        String line = ProgressBar.line("/a/very/long/path/to/磁盘/an/image.qcow2", phase, SECOND, width, ASCII);

        assertTrue(TextWidth.columns(line) <= Math.max(3, width - 1), line);
    }

    @Test
    void nothingAppearsWithinTheFirstSecond() {
        LiveProgress live = live();
        live.subject("web.qcow2");
        live.phaseBegan(Phase.INSPECT);
        now += SECOND - 1;
        live.advanced(1, 2);
        live.tick();
        live.close();

        assertEquals("", screen.errText());
    }

    @Test
    void lineIsDrawnOverAndTakenAwayAtTheEnd() {
        LiveProgress live = live();
        live.subject("web.qcow2");
        live.phaseBegan(Phase.REBUILD);
        now += SECOND;
        live.advanced(512 * MIB, 2048 * MIB);
        now += SECOND;
        live.tick();
        live.close();
        live.close();
        live.tick();

        String[] drawings = screen.errText().split("\r\u001b\\[K", -1);
        assertEquals("", drawings[0]);
        assertTrue(drawings[1].contains(" 25 %   512.0 MiB/s"), drawings[1]);
        assertTrue(drawings[2].contains(" 25 %   256.0 MiB/s"), drawings[2]);
        assertEquals("", drawings[3]);
        assertEquals(4, drawings.length);
    }

    @Test
    void drawsAtMostTenTimesASecond() {
        LiveProgress live = live();
        live.phaseBegan(Phase.REBUILD);
        now += SECOND;
        for (int i = 0; i < 1000; i++) {
            now += SECOND / 1000;
            live.advanced(i, 1000);
            live.tick();
        }

        assertEquals(10, screen.errText().split("rebuild", -1).length - 1);
    }

    @Test
    void widthIsAskedForEachDrawing() {
        LiveProgress live = live();
        live.phaseBegan(Phase.REBUILD);
        now += SECOND;
        columns = 30;
        live.advanced(1, 2);

        assertTrue(TextWidth.columns(screen.errText().replace("\r\u001b[K", "")) < 30, screen.errText());
    }

    @Test
    void subjectFromAGuestIsMadeSafe() {
        LiveProgress live = live();
        live.subject("\u001b[2Jweb");
        live.phaseBegan(Phase.REBUILD);
        now += SECOND;
        live.tick();

        assertFalse(screen.errText().contains("\u001b[2J"));
        assertTrue(screen.errText().contains("?[2Jweb"));
    }

    @Test
    void tickerStopsWithItsProgress() {
        Ticker ticker = new Ticker(live());
        ticker.phaseBegan(Phase.REBUILD);
        ticker.close();
        String written = screen.errText();
        now += 100 * SECOND;
        ticker.advanced(1, 2);

        assertEquals(written, screen.errText());
    }

    @Test
    void machineReadableProgressEndsEachPhaseWithAHundred() {
        MachineReadableProgress progress = new MachineReadableProgress(screen.out());
        progress.subject("web.qcow2");
        progress.phaseBegan(Phase.REBUILD);
        progress.advanced(1, 1000);
        progress.advanced(500, 1000);
        progress.advanced(501, 1000);
        progress.phaseBegan(Phase.VERIFY);
        progress.close();

        assertEquals("web.qcow2\nrebuild\n0/100\n50/100\n100/100\nverify\n0/100\n100/100\n", screen.outText());
    }
}
