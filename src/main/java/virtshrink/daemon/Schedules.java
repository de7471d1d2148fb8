package virtshrink.daemon;

import java.time.Duration;
import java.util.List;
import virtshrink.config.Configuration;
import virtshrink.config.ScheduleSettings;
import virtshrink.config.ScheduleSettings.Misfire;
import virtshrink.schedule.Patterns;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;

/** What is configured, as what is done. */
final class Schedules {
    private Schedules() {}

    static List<Schedule> of(Configuration configuration) {
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
                new Selection(
                        patterns(settings.names()),
                        patterns(settings.titles()),
                        patterns(settings.pools()),
                        patterns(settings.paths())),
                settings.minimumGain(),
                Duration.ofDays(settings.minimumDaysSinceShrink()),
                settings.allowRename(),
                settings.originals());
    }

    private static Patterns patterns(ScheduleSettings.Patterns settings) {
        return new Patterns(settings.include(), settings.exclude());
    }
}
