package virtshrink.config;

import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;

/**
 * One schedule, as the administrator wrote it. Immutable.
 *
 * @param name of its table in the file
 * @param cron a Quartz cron expression
 * @param zone in which {@code cron} and {@code windowEnd} are meant
 * @param windowEnd the local time at which work stops; none means it may take as long as it takes
 * @param startMargin nothing new is started so shortly before the end
 * @param misfire what becomes of a time that passed while nobody could act
 * @param afterStopMinutes how long after its shutdown a domain is looked at; 0 means not at all
 * @param names of domains; the titles likewise
 * @param pools of disks; the paths likewise
 * @param minimumGain below it an image is left as it is
 * @param minimumDaysSinceShrink at least 0; a domain shrunk more recently is left alone
 * @param minimumHoursOff at least 0; a domain whose images were written to more recently is left alone
 * @param allowRename whether plain renames are accepted where files cannot be exchanged
 * @param replayJournals whether journals of guests that were powered off hard are replayed in memory
 * @param mounts whether filesystems without a reader are mounted by the host's kernel and filled
 * @param originals what becomes of the images that are displaced
 */
public record ScheduleSettings(
        String name,
        String cron,
        ZoneId zone,
        Optional<LocalTime> windowEnd,
        Duration startMargin,
        Misfire misfire,
        int afterStopMinutes,
        Patterns names,
        Patterns titles,
        Patterns pools,
        Patterns paths,
        MinimumGain minimumGain,
        int minimumDaysSinceShrink,
        int minimumHoursOff,
        boolean allowRename,
        boolean replayJournals,
        boolean mounts,
        OriginalsPolicy originals) {

    /** What becomes of a time that passed while the host was off or another schedule was at work. */
    public enum Misfire {
        /** Made up for, once, as soon as possible and only within its window. */
        RUN,
        /** Left out. */
        SKIP
    }

    /**
     * What is in and what is out; {@code *} stands for any text and {@code ?} for any one character.
     *
     * @param include empty means everything
     * @param exclude has the last word
     */
    public record Patterns(List<String> include, List<String> exclude) {
        public Patterns {
            include = List.copyOf(include);
            exclude = List.copyOf(exclude);
        }
    }
}
