package virtshrink.schedule;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.quartz.CronScheduleBuilder;
import org.quartz.CronTrigger;
import org.quartz.Job;
import org.quartz.JobBuilder;
import org.quartz.JobDetail;
import org.quartz.JobExecutionContext;
import org.quartz.JobKey;
import org.quartz.Scheduler;
import org.quartz.SchedulerException;
import org.quartz.Trigger;
import org.quartz.TriggerBuilder;
import org.quartz.TriggerKey;
import org.quartz.impl.DirectSchedulerFactory;
import org.quartz.simpl.RAMJobStore;
import org.quartz.simpl.SimpleThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls when a schedule is due. One call at a time: a schedule that comes due during another one's call waits, and is late then. Kept in
 * memory; whoever restarts fills it anew. Thread-safe.
 */
public final class Timetable implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Timetable.class);

    /** Quartz wants a name that no other scheduler of the process has. */
    private static final AtomicInteger COUNT = new AtomicInteger();

    private static final String DUE = "due";

    /** Later than this is too late for a schedule that does not make up for what it missed. */
    private static final long LATE_MILLIS = 60_000;

    private final Scheduler scheduler;
    private final Worker worker;
    private volatile Map<String, Schedule> schedules = Map.of();

    /** What is done when a schedule is due. Called on the timetable's one thread. */
    @FunctionalInterface
    public interface Worker {
        /**
         * Does the work of one night.
         *
         * @param due the instant that the schedule means; earlier than now if the call is late
         */
        void work(Schedule schedule, Instant due);
    }

    /** An empty one that does not run yet. */
    public Timetable(Worker worker) {
        this.worker = worker;
        try {
            scheduler = newScheduler();
            scheduler.setJobFactory((bundle, unused) -> (Job) this::due);
        } catch (SchedulerException e) {
            throw new IllegalStateException("Quartz does not start: " + e.getMessage(), e);
        }
    }

    private static Scheduler newScheduler() throws SchedulerException {
        String name = "timetable-" + COUNT.incrementAndGet();
        SimpleThreadPool oneThread = new SimpleThreadPool(1, Thread.NORM_PRIORITY);
        oneThread.setThreadNamePrefix(name);
        oneThread.setMakeThreadsDaemons(true);
        RAMJobStore store = new RAMJobStore();
        store.setMisfireThreshold(LATE_MILLIS);
        DirectSchedulerFactory factory = DirectSchedulerFactory.getInstance();
        factory.createScheduler(name, name, oneThread, store);
        return Optional.ofNullable(factory.getScheduler(name)).orElseThrow();
    }

    /** Begins to call. */
    public void start() {
        attempt(scheduler::start);
    }

    /** Forgets what was there and takes these. A call that is running is not affected. */
    public synchronized void replace(List<Schedule> fresh) {
        Map<String, Schedule> byName = new TreeMap<>();
        fresh.forEach(schedule -> byName.put(schedule.name(), schedule));
        attempt(() -> {
            scheduler.clear();
            schedules = byName;
            for (Schedule schedule : fresh) {
                JobDetail job = JobBuilder.newJob(Job.class)
                        .withIdentity(schedule.name())
                        .storeDurably()
                        .build();
                scheduler.scheduleJob(job, trigger(schedule));
            }
        });
    }

    private static CronTrigger trigger(Schedule schedule) {
        CronScheduleBuilder times =
                CronScheduleBuilder.cronSchedule(schedule.cron()).inTimeZone(TimeZone.getTimeZone(schedule.zone()));
        return TriggerBuilder.newTrigger()
                .withIdentity(schedule.name())
                .withSchedule(
                        schedule.makesUp()
                                ? times.withMisfireHandlingInstructionFireAndProceed()
                                : times.withMisfireHandlingInstructionDoNothing())
                .build();
    }

    /** Calls for a schedule as soon as the thread is free, whatever its times. */
    public void callNow(Schedule schedule, Instant due) {
        Trigger once = TriggerBuilder.newTrigger()
                .forJob(new JobKey(schedule.name()))
                .usingJobData(DUE, due.toEpochMilli())
                .startNow()
                .build();
        attempt(() -> scheduler.scheduleJob(once));
    }

    /** When each schedule is due next, by their names; one that never is again is left out. */
    public Map<String, Instant> nextTimes() {
        Map<String, Instant> next = new TreeMap<>();
        attempt(() -> {
            for (String name : new ArrayList<>(schedules.keySet())) {
                Trigger trigger = scheduler.getTrigger(new TriggerKey(name));
                Date time = trigger == null ? null : trigger.getNextFireTime();
                if (time != null) {
                    next.put(name, time.toInstant());
                }
            }
        });
        return next;
    }

    private void due(JobExecutionContext context) {
        Schedule schedule = schedules.get(context.getJobDetail().getKey().getName());
        if (schedule == null) {
            return; // replaced in the moment between being due and being called
        }
        try {
            Instant now = Instant.now();
            // Quartz gives a late call the time of the call; the window hangs on the time that was meant.
            Instant due = context.getTrigger().getJobDataMap().containsKey(DUE)
                    ? Instant.ofEpochMilli(context.getTrigger().getJobDataMap().getLong(DUE))
                    : schedule.times().latestUntil(now).orElse(now);
            worker.work(schedule, due);
        } catch (RuntimeException bug) {
            LOG.error("internal error in the work of schedule {}", schedule.name(), bug);
        }
    }

    /** Calls no more. A call that is running is not waited for. */
    @Override
    public void close() {
        attempt(() -> scheduler.shutdown(false));
    }

    private static void attempt(Step step) {
        try {
            step.take();
        } catch (SchedulerException e) {
            throw new IllegalStateException("Quartz refused: " + e.getMessage(), e);
        }
    }

    private interface Step {
        void take() throws SchedulerException;
    }
}
