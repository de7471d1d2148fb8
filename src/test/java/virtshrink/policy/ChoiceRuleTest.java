package virtshrink.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.PastRuns;
import virtshrink.image.ImageFormat;
import virtshrink.libvirt.DiskSource;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainState;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.StatedBacking;
import virtshrink.schedule.Patterns;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.ShrinkRequest;

class ChoiceRuleTest {
    private static final Instant NOW = Instant.parse("2026-11-22T01:30:00Z");
    private static final UUID ID = new UUID(1, 2);
    private static final int GAIN = 500;

    @TempDir
    Path directory;

    private Optional<Instant> lastShrunk = Optional.empty();
    private Optional<DiskRun> lastRun = Optional.empty();
    private final List<DiskVerdict> disks = new ArrayList<>();

    @BeforeEach
    void makeDisk() throws IOException {
        add("vda", Duration.ofHours(10));
    }

    private Path add(String target, Duration lastWrittenAgo) throws IOException {
        Path image = Files.writeString(directory.resolve(target), "image");
        Files.setLastModifiedTime(image, FileTime.from(NOW.minus(lastWrittenAgo)));
        ShrinkRequest plain = ShrinkRequest.of(image, ImageFormat.QCOW2);
        disks.add(new DiskVerdict.Eligible(disk(target, image), plain, List.of()));
        return image;
    }

    private static DomainDisk disk(String target, Path image) {
        return new DomainDisk(
                target,
                "disk",
                new DiskSource.ImageFile(image),
                new DomainDisk.Location.Found(image),
                Optional.of("qcow2"),
                List.of(),
                Optional.empty(),
                512,
                new StatedBacking.Unstated(),
                List.of());
    }

    private DomainVerdict domain(String attributes, Optional<String> refusal) {
        String policy = attributes.isEmpty()
                ? ""
                : "<metadata><policy xmlns='urn:virt-shrink:policy:1.0' " + attributes + "/></metadata>";
        DomainRecord record = new DomainRecord(
                "web",
                ID,
                Optional.empty(),
                DomainState.SHUT_OFF,
                Optional.empty(),
                false,
                0,
                0,
                true,
                "<domain>" + policy + "</domain>",
                disks.stream().map(DiskVerdict::disk).toList(),
                List.of());
        return new DomainVerdict(record, refusal, disks, List.of());
    }

    private static Schedule schedule(Selection selection, String minimumGain, int minimumDays, int minimumHours) {
        return new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.empty(),
                Duration.ZERO,
                true,
                Optional.empty(),
                selection,
                MinimumGain.parse(minimumGain),
                Duration.ofDays(minimumDays),
                Duration.ofHours(minimumHours),
                false,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    /** The same with journals replayed, and with what has no reader mounted. */
    private static Schedule replaying(Schedule plain) {
        return new Schedule(
                plain.name(),
                plain.cron(),
                plain.zone(),
                plain.windowEnd(),
                plain.startMargin(),
                plain.makesUp(),
                plain.afterStop(),
                plain.selection(),
                plain.minimumGain(),
                plain.minimumSinceShrink(),
                plain.minimumOff(),
                plain.allowRename(),
                true,
                true,
                plain.originals());
    }

    private Choice choose(Schedule schedule, String policy) {
        return choose(schedule, policy, Optional.empty());
    }

    private Choice choose(Schedule schedule, String policy, Optional<String> refusal) {
        PastRuns past = new PastRuns() {
            @Override
            public Optional<DiskRun> lastOfDisk(UUID domain, String target) {
                return lastRun.filter(
                        run -> run.uuid().equals(domain) && run.target().equals(target));
            }

            @Override
            public Optional<Instant> lastShrunk(UUID domain) {
                return lastShrunk;
            }
        };
        return new ChoiceRule(schedule, past, Map.of()).choose(domain(policy, refusal), NOW);
    }

    /** The image was last written to 10 hours and the domain shrunk 3 days ago, and 500 bytes of 5 could be won. */
    @ParameterizedTest(name = "[{index}] file: {0} {1} {2}, domain: {3}")
    @CsvSource(
            delimiter = '|',
            nullValues = "-",
            quoteCharacter = '`',
            value = {
                // The file alone.
                "0  | 0 | 0  | -                                        | taken",
                "501| 0 | 0  | -                                        | the gain of 500 bytes is below min-reclaim = 501",
                "0  | 3 | 0  | -                                        | taken",
                "0  | 4 | 0  | -                                        | it was shrunk at 2026-11-19T01:30:00Z, less than 4 days ago (min-days-since-shrink)",
                "0  | 0 | 10 | -                                        | taken",
                "0  | 0 | 11 | -                                        | off for 10 h of the 11 h that min-hours-off asks for: last write at 2026-11-21T15:30:00Z",
                // The domain says less: a lower threshold, a shorter time.
                "501| 0 | 0  | min-reclaim='500'                        | taken",
                "0  | 4 | 0  | min-days-since-shrink='0'                | taken",
                "0  | 0 | 11 | min-hours-off='0'                        | taken",
                // It says more.
                "0  | 0 | 0  | min-reclaim='1K'                         | the gain of 500 bytes is below min-reclaim of its own policy = 1K",
                "0  | 0 | 0  | min-days-since-shrink='4'                | it was shrunk at 2026-11-19T01:30:00Z, less than 4 days ago (min-days-since-shrink of its own policy)",
                "0  | 0 | 0  | min-hours-off='24'                       | off for 10 h of the 24 h that min-hours-off of its own policy asks for: last write at 2026-11-21T15:30:00Z",
                // What it does not mention stays as the file has it.
                "0  | 4 | 11 | min-hours-off='0'                        | it was shrunk at 2026-11-19T01:30:00Z, less than 4 days ago (min-days-since-shrink)",
                "501| 0 | 0  | min-hours-off='0'                        | the gain of 500 bytes is below min-reclaim = 501",
                // It cannot be half understood.
                "0  | 0 | 0  | disabled='yes' min-reclaim='1'           | disabled by the policy in its metadata",
                "0  | 0 | 0  | disabled='no'                            | taken",
                "0  | 0 | 0  | min-reclaim='much'                       | the policy in its metadata cannot be followed: min-reclaim is 'much': it must be a size such as 64M or 1.5G, or a percentage such as 5%",
                "0  | 0 | 0  | exclude-disks='vdz'                      | the policy in its metadata cannot be followed: exclude-disks names vdz, and the domain has no such disk",
                "0  | 0 | 0  | exclude-disks='vda'                      | disk vda: exclude-disks of its own policy names it",
                // What says nothing about the choice is carried along.
                "0  | 0 | 0  | raw='keep' keep-original='7d'            | taken",
            })
    void theDomainsOwnPolicyOverridesTheFile(
            String minimumGain, int minimumDays, int minimumHours, @Nullable String policy, String expected) {
        lastShrunk = Optional.of(NOW.minus(Duration.ofDays(3)));
        Choice choice =
                choose(schedule(Selection.ALL, minimumGain, minimumDays, minimumHours), policy == null ? "" : policy);
        String said = choice instanceof Choice.Take take
                ? take.terms().whyNotWorth(GAIN, 5).orElse("taken")
                : choice.words();
        assertEquals(expected, said);
        if (choice instanceof Choice.Take take) {
            assertEquals(Optional.empty(), take.whyNot("vda"));
        }
    }

    @Test
    void journalsAreReplayedAndVolumesMountedWhereTheScheduleSaysSoAndOnlyThere() {
        Schedule plain = schedule(Selection.ALL, "0", 0, 0);
        for (Schedule schedule : List.of(plain, replaying(plain))) {
            Choice.Take take = assertInstanceOf(Choice.Take.class, choose(schedule, ""));
            assertEquals(
                    List.of(schedule.replayJournals()),
                    take.requests(schedule, false).stream()
                            .map(ShrinkRequest::replayJournals)
                            .toList());
            assertEquals(
                    List.of(schedule.mounts() ? ShrinkRequest.Filler.MOUNT : ShrinkRequest.Filler.AUTO),
                    take.requests(schedule, false).stream()
                            .map(ShrinkRequest::filler)
                            .toList());
        }
    }

    @Test
    void theFirstRuleThatMatchesIsTheReason() {
        Selection excluded =
                new Selection(new Patterns(List.of(), List.of("w*")), Patterns.ALL, Patterns.ALL, Patterns.ALL);
        Optional<String> refused = Optional.of("it is running");
        assertEquals(
                new Choice.NotMeant("exclude-names has 'w*'"),
                choose(schedule(excluded, "0", 0, 99), "disabled='yes'", refused));
        assertEquals(
                "disabled by the policy in its metadata",
                choose(schedule(Selection.ALL, "0", 0, 99), "disabled='yes'", refused)
                        .words());
        assertEquals(
                "it is running",
                choose(schedule(Selection.ALL, "0", 0, 99), "", refused).words());
    }

    @Test
    void oneDiskIsLeftOutAndTheOthersAreTaken() throws Exception {
        add("vdb", Duration.ofDays(1));
        disks.add(new DiskVerdict.Refused(disk("vdc", directory.resolve("vdc")), "another domain uses it too"));
        Choice.Take take = assertInstanceOf(
                Choice.Take.class, choose(schedule(Selection.ALL, "0", 0, 0), "exclude-disks='vdb' min-reclaim='7'"));
        assertEquals(1, take.meant().size());
        assertEquals(Optional.empty(), take.whyNot("vda"));
        assertEquals(Optional.of("exclude-disks of its own policy names it"), take.whyNot("vdb"));
        assertEquals(Optional.of("another domain uses it too"), take.whyNot("vdc"));
        assertTrue(take.requests(schedule(Selection.ALL, "99", 0, 0), false).stream()
                .allMatch(request -> request.minimumGain().equals(new MinimumGain(7, 0))));
    }

    @Test
    void noDiskLeftIsExplainedDiskByDisk() throws Exception {
        add("vdb", Duration.ofDays(1));
        Selection onlyC =
                new Selection(Patterns.ALL, Patterns.ALL, Patterns.ALL, new Patterns(List.of("*/vdb"), List.of()));
        Choice choice = choose(schedule(onlyC, "0", 0, 0), "exclude-disks='vdb'");
        assertEquals(
                "disk vda: nothing in include-paths matches; disk vdb: exclude-disks of its own policy names it",
                choice.words());
        assertEquals(Optional.of("nothing in include-paths matches"), choice.whyNot("vda"));
        assertEquals(Optional.of("exclude-disks of its own policy names it"), choice.whyNot("vdb"));
    }

    @Test
    void theLastWriteToAnyOfItsDisksTellsHowLongADomainHasBeenOff() throws Exception {
        add("vdb", Duration.ofHours(2));
        assertEquals(
                "off for 2 h of the 5 h that min-hours-off asks for: last write at 2026-11-21T23:30:00Z",
                choose(schedule(Selection.ALL, "0", 0, 5), "").words());
        assertInstanceOf(Choice.Take.class, choose(schedule(Selection.ALL, "0", 0, 2), ""));
    }

    @Test
    void anImageFromTheFutureCountsAsJustWritten() throws Exception {
        add("vdb", Duration.ofDays(-400));
        assertTrue(choose(schedule(Selection.ALL, "0", 0, 5), "").words().startsWith("off for 0 h of the 5 h"));
    }

    @Test
    void anUnchangedImageIsNotLookedAtUnlessTheThresholdHasFallen() {
        lastRun = Optional.of(new DiskRun(
                NOW,
                "nightly",
                "web",
                ID,
                "vda",
                directory.resolve("vda"),
                Cause.BELOW_MINIMUM,
                "",
                new FileSize(5, 5),
                new FileSize(5, 5),
                GAIN,
                GAIN,
                ImageStamps.of(directory.resolve("vda")),
                Map.of(),
                List.of(),
                List.of()));
        assertEquals(new Choice.Unchanged(), choose(schedule(Selection.ALL, "1K", 0, 99), ""));
        assertInstanceOf(Choice.Take.class, choose(schedule(Selection.ALL, "500", 0, 0), ""));
        assertInstanceOf(Choice.Take.class, choose(schedule(Selection.ALL, "1K", 0, 0), "min-reclaim='1'"));
        assertEquals(new Choice.Unchanged(), choose(schedule(Selection.ALL, "1", 0, 0), "min-reclaim='1G'"));
    }
}
