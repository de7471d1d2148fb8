package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.ShrinkRequest;

/** What is said of domains that no libvirt here can produce at will; their XML is real, their circumstances are made up. */
class EligibilityTest {
    @TempDir
    private Path directory;

    private IdleRule rule() {
        return new IdleRule(new DomainLog(directory));
    }

    private static DomainRecord domain(String name, DomainState state, Optional<ShutoffReason> reason, String... disks)
            throws IOException {
        return new DomainRecord(
                name,
                UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)),
                Optional.empty(),
                state,
                reason,
                false,
                0,
                0,
                true,
                "",
                DomainXml.parse(DomainXmlTest.domain(disks)).disks(),
                List.of());
    }

    private static DomainRecord idle(String name, String... disks) throws IOException {
        return domain(name, DomainState.SHUT_OFF, Optional.of(ShutoffReason.SHUTDOWN), disks);
    }

    private static String disk(String target, Path file, String more) {
        return "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='" + file + "'/>" + more
                + "<target dev='" + target + "' bus='virtio'/></disk>";
    }

    private Path raw(String name) throws IOException {
        return Files.write(directory.resolve(name), new byte[4096]);
    }

    private List<DiskVerdict> judge(DomainRecord subject, DomainRecord... others) {
        List<DomainRecord> all = new ArrayList<>(List.of(others));
        all.add(subject);
        return Eligibility.judge(
                        new HostSurvey(all, List.of(), List.of()),
                        List.of(subject),
                        rule(),
                        uuid -> Optional.of(subject))
                .get(0)
                .disks();
    }

    private void assertRefused(String words, DiskVerdict verdict) {
        assertTrue(
                verdict instanceof DiskVerdict.Refused refused
                        && refused.reason().contains(words),
                verdict.toString());
    }

    private ShrinkRequest request(DiskVerdict verdict) {
        assertTrue(verdict instanceof DiskVerdict.Eligible, verdict.toString());
        return ((DiskVerdict.Eligible) verdict).request();
    }

    @ParameterizedTest
    @EnumSource(value = DomainState.class, mode = EnumSource.Mode.EXCLUDE, names = "SHUT_OFF")
    void refusesEveryStateButShutOff(DomainState state) throws Exception {
        DomainRecord subject = domain("web", state, Optional.empty(), disk("vda", raw("a.img"), ""));
        assertRefused("the domain web is " + state.text(), judge(subject).get(0));
    }

    @ParameterizedTest
    @CsvSource({
        "SAVED,saved to a file",
        "MIGRATED,migrated to another host",
        "CRASHED,crashed",
        "FAILED,failed to start",
        "DAEMON,ended by libvirtd"
    })
    void refusesEveryEndThatMayLeaveHalfOfTheGuestElsewhere(ShutoffReason reason, String words) throws Exception {
        DomainRecord subject = domain("web", DomainState.SHUT_OFF, Optional.of(reason), disk("vda", raw("a.img"), ""));
        assertRefused(words, judge(subject).get(0));
    }

    @ParameterizedTest
    @EnumSource(
            value = ShutoffReason.class,
            names = {"SHUTDOWN", "DESTROYED", "FROM_SNAPSHOT", "UNKNOWN"})
    void allowsAnEndWithWholeDisksAndADomainThatNeverRan(ShutoffReason reason) throws Exception {
        DomainRecord subject = domain("web", DomainState.SHUT_OFF, Optional.of(reason), disk("vda", raw("a.img"), ""));
        assertEquals(ImageFormat.RAW, request(judge(subject).get(0)).format());
    }

    private Optional<String> whyNoReplay(DomainRecord subject) {
        DomainVerdict verdict = Eligibility.judge(
                        new HostSurvey(List.of(subject), List.of(), List.of()),
                        List.of(subject),
                        rule(),
                        uuid -> Optional.of(subject))
                .get(0);
        return verdict.requests().get(0).guard().whyNoReplay();
    }

    @ParameterizedTest
    @EnumSource(
            value = ShutoffReason.class,
            names = {"SHUTDOWN", "DESTROYED"})
    void allowsJournalsToBeReplayedAfterAKnownEnd(ShutoffReason reason) throws Exception {
        DomainRecord subject = domain("web", DomainState.SHUT_OFF, Optional.of(reason), disk("vda", raw("a.img"), ""));
        assertEquals(Optional.empty(), whyNoReplay(subject));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "none", delimiter = '|', textBlock = """
            FROM_SNAPSHOT | none                                                             | neither by a shutdown
            UNKNOWN       | none                                                             | there is no log of it
            UNKNOWN       | 2026-01-01 00:00:00.000+0000: shutting down, reason=shutdown     |
            UNKNOWN       | 2026-01-01 00:00:00.000+0000: shutting down, reason=destroyed    |
            """)
    void allowsThemToBeReplayedOnlyIfTheEndIsProven(ShutoffReason reason, String log, String words) throws Exception {
        DomainRecord subject = domain("web", DomainState.SHUT_OFF, Optional.of(reason), disk("vda", raw("a.img"), ""));
        if (log != null) {
            Files.writeString(directory.resolve("web.log"), log + "\n");
        }
        assertEquals(words == null, whyNoReplay(subject).isEmpty(), () -> "" + whyNoReplay(subject));
        assertTrue(
                whyNoReplay(subject).orElse("").contains(words == null ? "" : words), () -> "" + whyNoReplay(subject));
    }

    /** What keeps the domain from being touched at all also forbids a replay, should it come up in mid-run. */
    @Test
    void forbidsReplaysOfADomainThatIsNoLongerIdle() throws Exception {
        DomainRecord judged = idle("web", disk("vda", raw("a.img"), ""));
        DomainRecord saved = new DomainRecord(
                "web",
                judged.uuid(),
                judged.title(),
                judged.state(),
                judged.shutoffReason(),
                true,
                0,
                0,
                true,
                "",
                judged.disks(),
                List.of());
        DomainDisk disk = judged.disks().get(0);
        assertTrue(new DomainIdleGuard(uuid -> Optional.of(saved), rule(), judged, disk)
                .whyNoReplay()
                .orElseThrow()
                .contains("managed save"));
        for (ShutoffReason reason : List.of(ShutoffReason.SAVED, ShutoffReason.CRASHED, ShutoffReason.MIGRATED)) {
            DomainRecord now = domain("web", DomainState.SHUT_OFF, Optional.of(reason));
            assertTrue(rule().whyNoReplay(now).isPresent(), reason::text);
        }
        assertTrue(rule().whyNoReplay(domain("web", DomainState.RUNNING, Optional.empty()))
                .isPresent());
        assertTrue(new DomainIdleGuard(uuid -> Optional.empty(), rule(), judged, disk)
                .whyNoReplay()
                .isPresent());
    }

    @Test
    void treatsNumbersOfANewerLibvirtAsUnknown() {
        assertEquals(DomainState.UNKNOWN, DomainState.ofNumber(8));
        assertEquals(DomainState.UNKNOWN, DomainState.ofNumber(-1));
        assertEquals(DomainState.SHUT_OFF, DomainState.ofNumber(5));
        assertEquals(ShutoffReason.UNKNOWN, ShutoffReason.ofNumber(9));
        assertEquals(ShutoffReason.DAEMON, ShutoffReason.ofNumber(8));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    <shareable/>                                                      | <shareable/>
                    <readonly/>                                                       | <readonly/>
                    <transient/>                                                      | <transient/>
                    <encryption format='luks'/>                                       | encrypted
                    <mirror type='file' job='active-commit'/>                         | block job (active-commit)
                    <blockio logical_block_size='2048'/>                              | logical_block_size
                    <backingStore type='file'><source file='/b'/><backingStore/></backingStore> | gives it the backing files [/b]
                    """)
    void refusesDisksThatAreMoreOrLessThanOneGuestsImage(String element, String words) throws Exception {
        assertRefused(
                words, judge(idle("web", disk("vda", raw("a.img"), element))).get(0));
    }

    @ParameterizedTest
    @CsvSource({"cdrom,cdrom drive", "floppy,floppy drive", "lun,LUN", "tape,'tape'"})
    void refusesOtherDevices(String device, String words) throws Exception {
        String xml = disk("vda", raw("a.img"), "").replace("device='disk'", "device='" + device + "'");
        assertRefused(words, judge(idle("web", xml)).get(0));
    }

    @ParameterizedTest
    @CsvSource({
        "vmdk,can be read but not replaced",
        "vdi,can be read but not replaced",
        "luks,'luks' is not one",
        "qed,'qed' is not one",
        "iso,'iso' is not one"
    })
    void refusesOtherFormats(String format, String words) throws Exception {
        String xml = disk("vda", raw("a.img"), "").replace("type='raw'", "type='" + format + "'");
        assertRefused(words, judge(idle("web", xml)).get(0));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    block     | <source dev='/dev/vg/lv'/>         | block device (/dev/vg/lv)
                    network   | <source protocol='rbd' name='a'/>  | network storage (rbd)
                    nvme      | <source type='pci'/>               | of the kind nvme
                    vhostuser | <source type='unix' path='/s'/>    | of the kind vhostuser
                    dir       | <source dir='/d'/>                 | directory (/d)
                    file      | <driver/>                          | empty
                    """)
    void refusesSourcesThatAreNoFiles(String type, String source, String words) throws Exception {
        String xml = "<disk type='" + type + "' device='disk'>" + source + "<target dev='vda'/></disk>";
        assertRefused(words, judge(idle("web", xml)).get(0));
    }

    @Test
    void refusesAFileThatIsMissingOrNoRegularFile() throws Exception {
        Path missing = directory.resolve("missing.img");
        assertRefused(
                "does not exist", judge(idle("web", disk("vda", missing, ""))).get(0));
        assertRefused(
                "not a regular file",
                judge(idle("web", disk("vda", Path.of("/dev/null"), ""))).get(0));
    }

    @Test
    void refusesTheSameImageTwiceInOneDomain() throws Exception {
        Path image = raw("a.img");
        Path link = Files.createLink(directory.resolve("hard.img"), image);
        List<DiskVerdict> verdicts = judge(idle("web", disk("vda", image, ""), disk("vdb", link, "")));
        assertRefused("also disk vdb of the domain web", verdicts.get(0));
        assertRefused("also disk vda of the domain web", verdicts.get(1));
    }

    @Test
    void judgesEachDiskForItself() throws Exception {
        DomainRecord subject = idle(
                "web",
                disk("vda", raw("a.img"), "<blockio logical_block_size='4096'/>"),
                disk("vdb", raw("b.img"), "<shareable/>"));
        List<DiskVerdict> verdicts = judge(subject);
        assertEquals(4096, request(verdicts.get(0)).sectorBytes());
        assertRefused("shareable", verdicts.get(1));
    }

    @Test
    void saysWhenNoFormatIsNamed() throws Exception {
        String xml = disk("vda", raw("a.img"), "").replace(" type='raw'", "");
        assertTrue(judge(idle("web", xml)).get(0) instanceof DiskVerdict.Eligible eligible
                && eligible.notes().get(0).contains("treat it as raw"));
    }

    @Test
    void goesOnWhenAnotherDomainsChainCannotBeWalked() throws Exception {
        Path image = raw("a.img");
        String broken = disk("vda", raw("broken.qcow2"), "").replace("'raw'", "'qcow2'");
        String missing = disk("vdb", directory.resolve("gone.qcow2"), "").replace("'raw'", "'qcow2'");
        DomainRecord other = idle("other", broken, missing);
        DomainRecord subject = idle("web", disk("vda", image, ""));
        DomainVerdict verdict = Eligibility.judge(
                        new HostSurvey(List.of(other, subject), List.of(), List.of()),
                        List.of(subject),
                        rule(),
                        uuid -> Optional.empty())
                .get(0);
        assertEquals(1, verdict.requests().size());
        assertTrue(
                verdict.notes().stream().anyMatch(note -> note.contains("disk vdb of the domain other")),
                verdict.toString());
    }

    private Path overlay(String name, String backingName) throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/qemu-img")), "needs qemu-img (package qemu-utils)");
        Path image = directory.resolve(name);
        PrivateLibvirtd.run(List.of(
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-u",
                "-b",
                backingName,
                "-F",
                "raw",
                image.toString(),
                "1M"));
        return image;
    }

    private static String qcow2Disk(Path image, String more) {
        return disk("vda", image, more).replace("type='raw'", "type='qcow2'");
    }

    @Test
    void findsABackingFileEvenBelowAChainThatCannotBeWalked() throws Exception {
        Path base = raw("base.img");
        Path overlay = overlay("overlay.qcow2", "json:{\"file\":{\"driver\":\"file\",\"filename\":\"" + base + "\"}}");
        DomainRecord other = idle("other", qcow2Disk(overlay, ""));
        assertRefused(
                "is a backing file of disk vda of the domain other",
                judge(idle("web", disk("vda", base, "")), other).get(0));
    }

    @Test
    void requiresThatXmlAndHeadersAgreeOnTheBackingFiles() throws Exception {
        Path base = raw("base.img");
        Path overlay = overlay("overlay.qcow2", "base.img");
        String same = "<backingStore type='file'><format type='raw'/><source file='%s'/>%s</backingStore>";
        request(judge(idle("web", qcow2Disk(overlay, same.formatted(base, "<backingStore/>"))))
                .get(0));
        request(judge(idle("web", qcow2Disk(overlay, same.formatted(base, "")))).get(0));
        assertRefused(
                "make them agree",
                judge(idle("web", qcow2Disk(overlay, same.formatted(raw("other.img"), ""))))
                        .get(0));
        assertRefused(
                "make them agree",
                judge(idle("web", qcow2Disk(overlay, "<backingStore/>"))).get(0));
        String network = "<backingStore type='network'><format type='raw'/><source protocol='nbd'/></backingStore>";
        assertRefused(
                "make them agree",
                judge(idle("web", qcow2Disk(overlay, network))).get(0));
    }

    @Test
    void saysWhyTheOwnChainCannotBeWalked() throws Exception {
        assertRefused(
                "gone.img",
                judge(idle("web", qcow2Disk(overlay("overlay.qcow2", "gone.img"), "")))
                        .get(0));
        assertRefused(
                "broken.img",
                judge(idle("web", qcow2Disk(raw("broken.img"), ""))).get(0));
    }

    @Test
    void theGuardReportsWhatItWasTold() throws Exception {
        DomainRecord subject = idle("web", disk("vda", raw("a.img"), ""));
        DomainDisk disk = subject.disks().get(0);
        assertEquals(
                Optional.empty(), new DomainIdleGuard(uuid -> Optional.of(subject), rule(), subject, disk).whyNotNow());
        DomainRecord checked = new DomainRecord(
                "web",
                subject.uuid(),
                subject.title(),
                subject.state(),
                subject.shutoffReason(),
                false,
                0,
                1,
                true,
                "",
                subject.disks(),
                List.of());
        assertTrue(new DomainIdleGuard(uuid -> Optional.of(checked), rule(), subject, disk)
                .whyNotNow()
                .orElseThrow()
                .contains("checkpoints"));
        assertTrue(new DomainIdleGuard(
                        uuid -> {
                            throw new IOException("connection reset");
                        },
                        rule(),
                        subject,
                        disk)
                .whyNotNow()
                .orElseThrow()
                .contains("connection reset"));
    }
}
