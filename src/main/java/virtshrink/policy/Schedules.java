package virtshrink.policy;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import virtshrink.config.Configuration;
import virtshrink.config.ScheduleSettings;
import virtshrink.config.ScheduleSettings.Misfire;
import virtshrink.config.SyntaxChecks;
import virtshrink.libvirt.Hypervisor;
import virtshrink.schedule.CronTimes;
import virtshrink.schedule.Patterns;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;

/** What is configured, as what is done. */
public final class Schedules {
    /** What is asked of a configuration beyond its form. */
    public static final SyntaxChecks CHECKS = new SyntaxChecks(CronTimes::problemWith, Hypervisor::problemWith);

    private Schedules() {}

    /** Those of a configuration that was read with {@link #CHECKS}, in its order. */
    public static List<Schedule> of(Configuration configuration) {
        return configuration.schedules().stream().map(Schedules::of).toList();
    }

    private static Schedule of(ScheduleSettings settings) {
        return new Schedule(
                settings.name(),
                settings.cron(),
                settings.zone(),
                settings.windowEnd(),
                settings.startMargin(),
                settings.misfire() == Misfire.RUN,
                Optional.of(Duration.ofMinutes(settings.afterStopMinutes())).filter(delay -> !delay.isZero()),
                new Selection(
                        patterns(settings.names()),
                        patterns(settings.titles()),
                        patterns(settings.pools()),
                        patterns(settings.paths())),
                settings.minimumGain(),
                Duration.ofDays(settings.minimumDaysSinceShrink()),
                Duration.ofHours(settings.minimumHoursOff()),
                settings.allowRename(),
                settings.replayJournals(),
                settings.mounts(),
                settings.originals());
    }

    private static Patterns patterns(ScheduleSettings.Patterns settings) {
        return new Patterns(settings.include(), settings.exclude());
    }
}
