package virtshrink.policy;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.PastRuns;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.PolicySetting;
import virtshrink.libvirt.StatedPolicy;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;
import virtshrink.schedule.Schedule;

/** Decides what a schedule makes of a domain; the first rule that matches gives the reason. Looks at no more than the images' {@code stat(2)}. */
public final class ChoiceRule {
    private final Schedule schedule;
    private final PastRuns past;
    private final Map<String, Path> poolDirectories;

    /**
     * The rule of a schedule.
     *
     * @param poolDirectories by the pools' names, symbolic links resolved
     */
    public ChoiceRule(Schedule schedule, PastRuns past, Map<String, Path> poolDirectories) {
        this.schedule = schedule;
        this.past = past;
        this.poolDirectories = Map.copyOf(poolDirectories);
    }

    /** What it makes of the domain at that instant. */
    public Choice choose(DomainVerdict verdict, Instant now) {
        DomainRecord domain = verdict.domain();
        Optional<String> notMeant = schedule.selection().whyNot(domain);
        if (notMeant.isPresent()) {
            return new Choice.NotMeant(notMeant.get());
        }
        StatedPolicy stated = domain.policy();
        if (stated instanceof StatedPolicy.Unclear unclear) {
            return new Choice.LeftAlone("the policy in its metadata cannot be followed: " + unclear.reason());
        }
        DomainPolicy policy = ((StatedPolicy.Clear) stated).policy();
        if (policy.disabled()) {
            return new Choice.LeftAlone("disabled by the policy in its metadata");
        }
        if (verdict.refusal().isPresent()) {
            return new Choice.LeftAlone(verdict.refusal().get());
        }
        return chooseDisks(verdict, Terms.of(schedule, policy), now);
    }

    private Choice chooseDisks(DomainVerdict verdict, Terms terms, Instant now) {
        Map<String, String> others = new HashMap<>();
        List<String> words = new ArrayList<>();
        List<DiskVerdict.Eligible> meant = new ArrayList<>();
        for (DiskVerdict disk : verdict.disks()) {
            Optional<String> reason = whyNot(disk, terms);
            if (reason.isEmpty() && disk instanceof DiskVerdict.Eligible eligible) {
                meant.add(eligible);
                continue;
            }
            others.put(disk.disk().target(), reason.orElse(""));
            if (!isRemovable(disk.disk())) {
                words.add("disk " + disk.disk().target() + ": " + reason.orElse(""));
            }
        }
        if (meant.isEmpty()) {
            return new Choice.LeftAlone(words.isEmpty() ? "it has no disks" : String.join("; ", words), others);
        }
        Optional<String> tooEarly = shrunkTooRecently(verdict.domain(), terms, now);
        if (tooEarly.isPresent()) {
            return new Choice.LeftAlone(tooEarly.get());
        }
        if (meant.stream().allMatch(disk -> isUnchanged(verdict.domain(), disk, terms))) {
            return new Choice.Unchanged();
        }
        return usedTooRecently(verdict, terms, now)
                .<Choice>map(Choice.LeftAlone::new)
                .orElseGet(() -> new Choice.Take(verdict, meant, others, terms));
    }

    private Optional<String> whyNot(DiskVerdict disk, Terms terms) {
        return schedule.selection()
                .whyNot(disk.disk(), poolDirectories)
                .or(() -> terms.policy().excludedDisks().contains(disk.disk().target())
                        ? Optional.of(PolicySetting.EXCLUDE_DISKS.key() + " of its own policy names it")
                        : Optional.empty())
                .or(() ->
                        disk instanceof DiskVerdict.Refused refused ? Optional.of(refused.reason()) : Optional.empty());
    }

    private static boolean isRemovable(DomainDisk disk) {
        return disk.device().equals("cdrom") || disk.device().equals("floppy");
    }

    private Optional<String> shrunkTooRecently(DomainRecord domain, Terms terms, Instant now) {
        return past.lastShrunk(domain.uuid())
                .filter(last -> last.plus(terms.minimumSinceShrink()).isAfter(now))
                .map(last -> "it was shrunk at " + last + ", less than "
                        + terms.minimumSinceShrink().toDays() + " days ago ("
                        + terms.naming(PolicySetting.MIN_DAYS_SINCE_SHRINK) + ")");
    }

    /**
     * A guest that is on writes now and then, so the last write to any image that is this domain's alone tells how long it has been off. A run
     * gives the new image the time of the old one.
     */
    private static Optional<String> usedTooRecently(DomainVerdict verdict, Terms terms, Instant now) {
        if (terms.minimumOff().isZero()) {
            return Optional.empty();
        }
        return verdict.disks().stream()
                .filter(DiskVerdict.Eligible.class::isInstance)
                .flatMap(disk -> lastWrite((DiskVerdict.Eligible) disk).stream())
                .max(Comparator.naturalOrder())
                .filter(last -> last.plus(terms.minimumOff()).isAfter(now))
                .map(last ->
                        "off for " + Math.max(0, Duration.between(last, now).toHours()) + " h of the "
                                + terms.minimumOff().toHours() + " h that " + terms.naming(PolicySetting.MIN_HOURS_OFF)
                                + " asks for: last write at " + last);
    }

    private static Optional<Instant> lastWrite(DiskVerdict.Eligible disk) {
        try {
            FileStatus now = FileStatus.of(disk.request().image());
            // Some filesystems let anybody set a time that no calendar has.
            long seconds = Math.max(0, Math.min(now.mtimeSeconds(), Integer.MAX_VALUE * 100L));
            return Optional.of(Instant.ofEpochSecond(seconds));
        } catch (OsException notThere) {
            // The run itself says what is wrong with it.
            return Optional.empty();
        }
    }

    /** Whether the last run on this very image left nothing that would be worth another one by today's threshold. */
    private boolean isUnchanged(DomainRecord domain, DiskVerdict.Eligible disk, Terms terms) {
        Optional<DiskRun> last = past.lastOfDisk(domain.uuid(), disk.disk().target());
        if (last.isEmpty() || last.get().seen().isEmpty()) {
            return false;
        }
        try {
            FileStatus now = FileStatus.of(disk.request().image());
            return last.get().seen().get().equals(ImageStamps.of(now))
                    && !terms.minimumGain().isMetBy(last.get().remainingBytes(), now.allocatedBytes());
        } catch (OsException notThere) {
            // The run itself says what is wrong with it.
            return false;
        }
    }
}
