package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.Filler;

class ImageCommandTest {
    private final Cli cli = new Cli();

    @Test
    void asksForAPlainRunByDefault() {
        assertEquals(0, cli.run("image web.qcow2").status());

        ShrinkRequest request = cli.collaborators.requests.get(0);
        assertEquals(ShrinkRequest.of(Path.of("web.qcow2"), ImageFormat.QCOW2), request);
    }

    @Test
    void handsOnEveryOption() {
        Cli.Result result = cli.run("image --format vmdk --convert qcow2 --compress -o a=1,b=2 -o c=x,,y --ignore sda1"
                + " --ignore /dev/vg/root --zero /dev/sda2 --dry-run --min-reclaim 5% --filler none --allow-rename --replay-journals"
                + " in.vmdk out.qcow2");

        assertEquals("", result.err().replaceAll("in.vmdk: .*\n", ""));
        assertEquals(0, result.status());
        ShrinkRequest request = cli.collaborators.requests.get(0);
        assertEquals(Path.of("in.vmdk"), request.image());
        assertEquals(ImageFormat.VMDK, request.format());
        assertEquals(Optional.of(Path.of("out.qcow2")), request.output());
        assertEquals(Optional.of(ImageFormat.QCOW2), request.convertTo());
        assertTrue(request.compress());
        assertEquals(List.of("a=1", "b=2", "c=x,,y"), request.createOptions());
        assertEquals(Set.of("sda1", "/dev/vg/root"), request.ignore());
        assertEquals(Set.of("sda2"), request.zero());
        assertTrue(request.dryRun());
        assertEquals(new MinimumGain(0, 5), request.minimumGain());
        assertEquals(Filler.NONE, request.filler());
        assertTrue(request.allowRename());
        assertTrue(request.replayJournals());
    }

    @Test
    void keepsTheOriginalUnderASuffix() {
        cli.run("image --keep-original .orig web.qcow2");

        assertEquals(Optional.of(".orig"), cli.collaborators.requests.get(0).keepOriginalSuffix());
    }

    @ParameterizedTest
    @CsvSource({"a.qcow2, QCOW2", "a.QCOW2, QCOW2", "a.raw, RAW", "a.img, RAW", "dir.qcow2/a.img, RAW"})
    void takesTheFormatFromTheName(String image, ImageFormat format) {
        cli.run("image " + image);

        assertEquals(format, cli.collaborators.requests.get(0).format());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "a.vmdk", "a.qcow", "img", "a.qcow2.orig", "/"})
    void asksForTheFormatWhereTheNameSaysNothing(String image) {
        Cli.Result result = cli.run("image " + image);

        assertEquals(2, result.status());
        assertTrue(result.err().contains("--format"), result.err());
        assertEquals(List.of(), cli.collaborators.requests);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--in-place a.qcow2 b.qcow2",
                "--in-place --convert raw a.qcow2",
                "--in-place --compress a.qcow2",
                "--in-place -o x=y a.qcow2",
                "--in-place --keep-original .o a.qcow2",
                "--in-place --format vdi a.vdi",
                "--keep-original .o a.qcow2 b.qcow2",
                "--keep-original ../x a.qcow2",
                "--keep-original= a.qcow2",
                "--zero sda1 --ignore sda1 a.qcow2",
                "--zero /dev/sda1 --ignore sda1 a.qcow2",
                "--convert vdi a.qcow2",
                "--compress a.raw",
                "--compress --convert raw a.qcow2 b.raw",
                "--format vmdk a.vmdk",
                "a.qcow2 a.qcow2",
                "a.qcow2 ./x/../a.qcow2",
                "a.raw b.qcow2",
                "a.qcow2 b.raw",
                "--format qed a.qed",
                "--min-reclaim much a.qcow2",
                "--min-reclaim 101% a.qcow2",
                "--filler some a.qcow2",
                "a.qcow2 b.qcow2 c.qcow2",
                "--keep-orignal .o a.qcow2",
                ""
            })
    void refusesWhatDoesNotGoTogether(String arguments) {
        Cli.Result result = cli.run(("image " + arguments).trim());

        assertEquals(2, result.status(), result.err());
        assertTrue(result.err().contains("Try 'virt-shrink image --help'."), result.err());
        assertEquals("", result.out());
        assertEquals(List.of(), cli.collaborators.requests);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--format qcow2 a.img b.img",
                "--convert qcow2 a.img b.img",
                "--convert qcow2 a.img b",
                "a.qcow2 b"
            })
    void letsOutputBeCalledAnythingThatDoesNotLie(String arguments) {
        assertEquals(0, cli.run("image " + arguments).status());
    }

    @Test
    void oneObjectAndProgressLinesExcludeOneAnother() {
        assertEquals(2, cli.run("image --json --machine-readable a.qcow2").status());
    }

    @Test
    void suggestsTheOptionThatWasMeant() {
        Cli.Result result = cli.run("image --min-reclam 5% a.qcow2");

        assertTrue(result.err().contains("--min-reclaim"), result.err());
    }

    @Test
    void suggestsTheCommandThatWasMeant() {
        Cli.Result result = cli.run("imagge a.qcow2");

        assertEquals(2, result.status());
        assertTrue(
                result.err().startsWith("virt-shrink: there is no command like that: imagge a.qcow2\n"), result.err());
        assertTrue(result.err().contains("Did you mean: virt-shrink image"), result.err());
    }

    @Test
    void nothingToDoIsWrongUsage() {
        assertEquals(2, cli.run("--connect test:///default").status());
    }

    @Test
    void everyCommandHasHelp() {
        for (String command : Program.commands(new Session(cli.collaborators, new TestScreen(false), cli.stop, () -> 0))
                .getSubcommands()
                .keySet()) {
            Cli.Result result = cli.run(command + " --help");

            assertEquals(0, result.status(), command);
            assertTrue(result.out().contains("Usage: virt-shrink " + command), result.out());
        }
    }

    @ParameterizedTest
    @CsvSource({"SHRUNK, 0", "NOTHING_TO_GAIN, 0", "FAILED, 1", "REFUSED, 3", "YIELDED, 4"})
    void exitCodeTellsTheOutcome(Outcome outcome, int status) {
        cli.collaborators.ending(outcome, "because of the test");

        assertEquals(status, cli.run("image a.qcow2").status());
    }

    @Test
    void failureAfterCtrlCIsACancellation() {
        cli.collaborators.answer = (request, cancellation) -> {
            cli.stop.arrive();
            return Samples.report(request, Samples.MOST, Samples.MOST, Outcome.FAILED, "qemu-img was killed");
        };

        assertEquals(4, cli.run("image a.qcow2").status());
    }

    @ParameterizedTest
    @EnumSource(
            value = Outcome.class,
            names = {"REFUSED", "YIELDED", "FAILED"})
    void reasonGoesToStandardErrorAlsoWhenQuiet(Outcome outcome) {
        cli.collaborators.ending(outcome, "because of the test");

        Cli.Result result = cli.run("image --quiet a.qcow2");

        assertEquals("", result.out());
        assertEquals("virt-shrink: a.qcow2: " + outcome.contractName() + ": because of the test\n", result.err());
    }

    @Test
    void quietSaysNothingOfSuccess() {
        Cli.Result result = cli.run("image --quiet a.qcow2");

        assertEquals("", result.out());
        assertEquals("", result.err());
    }

    @Test
    void writesOneLineForEachPhaseWithoutATerminal() {
        assertEquals(
                "a.qcow2: inspect\na.qcow2: rebuild\na.qcow2: verify\n",
                cli.run("image a.qcow2").err());
    }

    @Test
    void saysThatInPlaceWritesToTheOriginal() {
        Cli.Result result = cli.run("image --in-place a.qcow2");

        assertTrue(
                result.err().startsWith("virt-shrink: --in-place writes to the free blocks of 'a.qcow2' itself"),
                result.err());
        assertTrue(cli.collaborators.requests.get(0).inPlace());
        assertFalse(cli.run("image --in-place --dry-run a.qcow2").err().contains("writes"));
    }

    @Test
    void listsItsFeaturesForOtherPrograms() {
        Cli.Result result = cli.run("image --machine-readable");

        assertEquals(0, result.status());
        assertTrue(result.out().startsWith("virt-shrink\n"));
        assertTrue(result.out().contains("\next4\n"));
        assertTrue(result.out().contains("\nin-place\n"));
    }

    @Test
    void writesProgressForOtherPrograms() {
        Cli.Result result = cli.run("image --machine-readable --quiet a.qcow2");

        assertEquals(
                List.of("a.qcow2", "inspect", "0/100", "25/100", "100/100", "rebuild", "0/100", "25/100", "100/100"),
                result.out().lines().limit(9).toList());
    }

    @Test
    void jsonHasTheFieldsOfTheContract() throws IOException {
        Cli.Result result = cli.run("image --json a.qcow2");

        Map<String, Object> json = result.json();
        assertEquals("", result.err());
        assertEquals("a.qcow2", json.get("image"));
        assertEquals("qcow2", json.get("format"));
        assertEquals(20 * Samples.GIB, json.get("virtualBytes"));
        assertEquals("gpt", json.get("partitionTable"));
        assertEquals(Map.of("fileBytes", 20 * Samples.GIB, "allocatedBytes", 10 * Samples.GIB), json.get("before"));
        assertEquals(Map.of("fileBytes", 2 * Samples.GIB, "allocatedBytes", 2 * Samples.GIB), json.get("after"));
        assertEquals(8 * Samples.GIB, json.get("reclaimedBytes"));
        assertEquals(8 * Samples.GIB, json.get("reclaimableBytes"));
        assertEquals("shrunk", json.get("outcome"));
        assertEquals("", json.get("reason"));
        assertEquals(Map.of("inspect", 20, "rebuild", 1234, "verify", 446), json.get("phasesMillis"));
        assertEquals(List.of(), json.get("notes"));
        List<?> filesystems = (List<?>) json.get("filesystems");
        assertEquals(8 * Samples.GIB, ((Map<?, ?>) filesystems.get(0)).get("reclaimableBytes"));
    }

    @Test
    void jsonOfARefusalIsOnStandardOutputToo() throws IOException {
        cli.collaborators.ending(Outcome.NOTHING_TO_GAIN, "clusters are too large");

        Map<String, Object> json = cli.run("image --json a.qcow2").json();

        assertEquals("nothing-to-gain", json.get("outcome"));
        assertEquals("clusters are too large", json.get("reason"));
    }

    @Test
    void jsonOfWrongUsageHasAReason() throws IOException {
        Cli.Result result = cli.run("image --json a.what");

        assertEquals(2, result.status());
        assertEquals("failed", result.json().get("outcome"));
        assertTrue(String.valueOf(result.json().get("reason")).contains("--format"));
    }

    @Test
    void faultOfTheProgramIsAFailureWithItsPlace() throws IOException {
        cli.collaborators.answer = (request, cancellation) -> {
            throw new IllegalStateException("a bug");
        };

        Cli.Result result = cli.run("image --json a.qcow2");

        assertEquals(1, result.status());
        assertEquals("failed", result.json().get("outcome"));
        assertTrue(result.err().contains("internal error"), result.err());
        assertTrue(result.err().contains("ImageCommandTest"), result.err());
    }
}
