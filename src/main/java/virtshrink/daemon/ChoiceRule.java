package virtshrink.daemon;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.job.DiskRecord;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;
import virtshrink.schedule.Schedule;

/** Decides what a schedule makes of a domain; the first rule that matches gives the reason. Looks at no more than the images' {@code stat(2)}. */
final class ChoiceRule {
    private final Schedule schedule;
    private final History history;
    private final Map<String, Path> poolDirectories;

    ChoiceRule(Schedule schedule, History history, Map<String, Path> poolDirectories) {
        this.schedule = schedule;
        this.history = history;
        this.poolDirectories = poolDirectories;
    }

    Choice choose(DomainVerdict verdict, Instant now) {
        DomainRecord domain = verdict.domain();
        Optional<String> notMeant = schedule.selection().whyNot(domain);
        if (notMeant.isPresent()) {
            return new Choice.NotMeant(notMeant.get());
        }
        if (verdict.refusal().isPresent()) {
            return new Choice.LeftAlone(verdict.refusal().get());
        }
        List<String> reasons = new ArrayList<>();
        List<DiskVerdict.Eligible> meant = new ArrayList<>();
        for (DiskVerdict disk : verdict.disks()) {
            Optional<String> reason = schedule.selection().whyNot(disk.disk(), poolDirectories);
            if (reason.isEmpty() && disk instanceof DiskVerdict.Refused refused) {
                reason = Optional.of(refused.reason());
            }
            if (reason.isEmpty() && disk instanceof DiskVerdict.Eligible eligible) {
                meant.add(eligible);
            } else if (!isRemovable(disk.disk())) {
                reasons.add("disk " + disk.disk().target() + ": " + reason.orElse(""));
            }
        }
        if (meant.isEmpty()) {
            return new Choice.LeftAlone(reasons.isEmpty() ? "it has no disks" : String.join("; ", reasons));
        }
        Optional<Instant> lastShrunk = history.lastShrunk(domain.uuid());
        if (lastShrunk.isPresent()
                && lastShrunk.get().plus(schedule.minimumSinceShrink()).isAfter(now)) {
            return new Choice.LeftAlone("it was shrunk at " + lastShrunk.get() + ", less than "
                    + schedule.minimumSinceShrink().toDays() + " days ago");
        }
        return meant.stream().allMatch(disk -> isUnchanged(domain, disk))
                ? new Choice.Unchanged()
                : new Choice.Take(verdict, meant);
    }

    private static boolean isRemovable(DomainDisk disk) {
        return disk.device().equals("cdrom") || disk.device().equals("floppy");
    }

    /** Whether the last run on this very image left nothing that would be worth another one by today's threshold. */
    private boolean isUnchanged(DomainRecord domain, DiskVerdict.Eligible disk) {
        Optional<DiskRun> last = history.lastOfDisk(domain.uuid(), disk.disk().target());
        if (last.isEmpty() || last.get().seen().isEmpty()) {
            return false;
        }
        try {
            FileStatus now = FileStatus.of(disk.request().image());
            return last.get().seen().get().equals(DiskRecord.stamp(now))
                    && !schedule.minimumGain().isMetBy(last.get().remainingBytes(), now.allocatedBytes());
        } catch (OsException notThere) {
            // The run itself says what is wrong with it.
            return false;
        }
    }
}
