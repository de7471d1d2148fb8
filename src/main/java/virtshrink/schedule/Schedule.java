package virtshrink.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.Optional;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;

/**
 * A time that comes again and again, and what is done at it. Immutable.
 *
 * @param name unique among the schedules
 * @param cron accepted by {@link CronTimes#problemWith}
 * @param zone in which {@code cron} and {@code windowEnd} are meant
 * @param windowEnd the local time at which work stops
 * @param startMargin nothing new is started so shortly before it
 * @param makesUp whether a time that passed while nobody could act is made up for
 * @param afterStop how long after its shutdown a domain is looked at, at any time of the day that the window allows
 * @param minimumGain below it an image is left as it is
 * @param minimumSinceShrink a domain shrunk more recently is left alone
 * @param minimumOff a domain whose images were written to more recently is left alone
 * @param allowRename whether plain renames are accepted where files cannot be exchanged
 * @param replayJournals whether journals of guests that were powered off hard are replayed in memory
 * @param mounts whether filesystems without a reader are mounted by the host's kernel and filled
 * @param originals what becomes of the images that are displaced
 */
public record Schedule(
        String name,
        String cron,
        ZoneId zone,
        Optional<LocalTime> windowEnd,
        Duration startMargin,
        boolean makesUp,
        Optional<Duration> afterStop,
        Selection selection,
        MinimumGain minimumGain,
        Duration minimumSinceShrink,
        Duration minimumOff,
        boolean allowRename,
        boolean replayJournals,
        boolean mounts,
        OriginalsPolicy originals) {

    /** When it is due. */
    public CronTimes times() {
        return new CronTimes(cron, zone);
    }

    /** What its times depend on; a schedule that says another one than before has missed nothing. */
    public String rhythm() {
        return cron + " " + zone.getId();
    }

    /** The window of the night that was due at that instant. */
    public MaintenanceWindow window(Instant due) {
        return MaintenanceWindow.of(due, zone, windowEnd, startMargin);
    }

    /**
     * The night in whose window something can be started now: the last one that was due, unless its window is over. Without an end, there is no
     * other window than one that begins now.
     */
    public Optional<Instant> openNight(Instant now) {
        return windowEnd.isEmpty()
                ? Optional.of(now)
                : times().latestUntil(now).filter(due -> window(due).mayStartAt(now));
    }

    /**
     * The night that should have begun while nobody could act, and can still be made up for: only the last one, and only within its window.
     *
     * @param lastDue of the last night that did begin
     */
    public Optional<Instant> missedNight(Instant lastDue, Instant now) {
        return makesUp
                ? times().latestUntil(now)
                        .filter(due -> due.isAfter(lastDue))
                        .filter(due -> window(due).mayStartAt(now))
                : Optional.empty();
    }
}
