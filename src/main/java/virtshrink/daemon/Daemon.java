package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.config.Configuration;
import virtshrink.config.ConfigurationFile;
import virtshrink.config.InvalidConfigurationException;
import virtshrink.config.ScheduleSettings;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.image.Leftovers;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.metrics.Metrics;
import virtshrink.os.SpareMemory;
import virtshrink.policy.Schedules;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Timetable;

/**
 * The daemon's life: from its start, with what dead runs left cleaned up, over its nights, to its end. Its own thread only listens, so that a
 * signal is heeded at once whatever the work is doing.
 */
final class Daemon {
    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);

    /** What still runs when the daemon is told to end has this long; systemd and its users expect it to be gone in five seconds. */
    private static final Duration CLEAN_UP = Duration.ofSeconds(4);

    /** How late the end of a window may be noticed. */
    private static final Duration TICK = Duration.ofMillis(500);

    private static final Duration SWEEP_PATIENCE = Duration.ofDays(1);
    private static final DateTimeFormatter LOCAL =
            DateTimeFormatter.ofPattern("EEE yyyy-MM-dd HH:mm", Locale.ROOT).withZone(ZoneId.systemDefault());

    private final Path configurationFile;
    private final Workshop workshop;
    private final RunDirectory runs;
    private final SystemdService systemd;
    private final Control control;
    private final Timetable timetable;
    private final Metrics metrics;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final ReentrantLock atWork = new ReentrantLock();
    private final DomainEvents.Source domainEvents;
    private volatile Configuration configuration;

    /** What the daemon is told from outside. */
    private enum Event {
        STOP,
        RELOAD
    }

    Daemon(
            Path configurationFile,
            Configuration configuration,
            Workshop workshop,
            RunDirectory runs,
            SystemdService systemd,
            DomainEvents.Source domainEvents,
            Control control) {
        this.configurationFile = configurationFile;
        this.configuration = configuration;
        this.workshop = workshop;
        this.runs = runs;
        this.systemd = systemd;
        this.domainEvents = domainEvents;
        this.control = control;
        this.timetable = new Timetable(this::night);
        this.metrics = new Metrics(configuration.history().directory(), this::nextTimes);
    }

    /** Returns when a signal has asked for it and the work has ended. */
    void run() throws IOException {
        ProcessSignals.handle("TERM", () -> events.add(Event.STOP));
        ProcessSignals.handle("INT", () -> events.add(Event.STOP));
        ProcessSignals.handle("HUP", () -> events.add(Event.RELOAD));
        workshop.history().onAppend(metrics::count);
        Leftovers.endDeadRuns(runs).forEach(LOG::info);
        prune();
        List<Schedule> schedules = Schedules.of(configuration);
        timetable.replace(schedules);
        showMetrics();
        schedules.forEach(this::makeUpForMissedNight);
        timetable.start();
        Thread sweep = new Thread(this::sweep, "sweep");
        sweep.setDaemon(true);
        sweep.start();
        control.open(runs.path(), workshop, timetable, () -> configuration, this::sayWaitingIfIdle);
        watchDomains();
        systemd.ready();
        sayWaiting();
        listen();
        stop();
    }

    private void watchDomains() {
        AfterStop afterStop = new AfterStop();
        Supplier<String> uri = () -> configuration.connect();
        DomainReactions reactions =
                new DomainReactions(workshop.current(), afterStop, () -> Schedules.of(configuration), workshop.clock());
        new DomainEvents(workshop.current(), domainEvents, uri, HookCheck.ofHost()::run, reactions::changed).start();
        new IdleCheck(workshop, uri, reactions).start();
        new AfterStopWork(workshop, afterStop, () -> configuration, this::work).start();
    }

    private void listen() {
        Instant nextSignOfLife = Instant.MIN;
        while (true) {
            try {
                Event event = events.poll(TICK.toMillis(), TimeUnit.MILLISECONDS);
                if (event == Event.STOP) {
                    return;
                } else if (event == Event.RELOAD) {
                    reload();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            workshop.current().tick(workshop.clock().instant());
            if (systemd.watchdogInterval().isPresent() && !Instant.now().isBefore(nextSignOfLife)) {
                systemd.alive();
                nextSignOfLife = Instant.now().plus(systemd.watchdogInterval().get());
            }
        }
    }

    private void reload() {
        systemd.reloading();
        try {
            Configuration fresh = ConfigurationFile.read(configurationFile, Schedules.CHECKS);
            if (!fresh.history().directory().equals(configuration.history().directory())) {
                LOG.warn("another history directory needs a restart of the daemon");
            }
            if (!fresh.controlGroup().equals(configuration.controlGroup())) {
                LOG.warn("another control-group needs a restart of the daemon");
            }
            configuration = fresh;
            workshop.neighbour().follow(fresh.limits());
            timetable.replace(Schedules.of(fresh));
            showMetrics();
            LOG.info("the configuration has been read again");
        } catch (InvalidConfigurationException e) {
            e.problems().forEach(problem -> LOG.error("{}", problem));
            LOG.error("the configuration is kept as it was");
        }
        systemd.ready();
        sayWaitingIfIdle();
    }

    private void sayWaitingIfIdle() {
        if (!atWork.isLocked() && !workshop.current().isStopped()) {
            sayWaiting();
        }
    }

    private void stop() {
        systemd.stopping();
        timetable.close();
        workshop.current().stop();
        control.cancelWork();
        long deadline = System.nanoTime() + CLEAN_UP.toNanos();
        try {
            if (!atWork.tryLock(CLEAN_UP.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("the run did not end in time; the next start cleans up what it left");
            }
            control.awaitEndOfWork(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        control.close();
        metrics.close();
    }

    /** On the timetable's thread. */
    private void night(Schedule schedule, Instant due) {
        work(() -> {
            new Night(workshop, configuration.connect(), schedule, due).run();
            prune();
        });
    }

    /** One at a time, and nothing any more when the daemon stops. */
    private void work(Runnable work) {
        atWork.lock();
        try {
            if (!workshop.current().isStopped()) {
                work.run();
                SpareMemory.giveBack();
            }
        } finally {
            atWork.unlock();
        }
        if (!workshop.current().isStopped()) {
            sayWaiting();
        }
    }

    private void makeUpForMissedNight(Schedule schedule) {
        Optional<NightBegan> last = workshop.history()
                .lastNight(schedule.name())
                .filter(night -> night.rhythm().equals(schedule.rhythm()));
        Optional<Instant> missed = last.flatMap(
                night -> schedule.missedNight(night.due(), workshop.clock().instant()));
        if (missed.isPresent()) {
            LOG.info("{}: makes up for the work that was due at {}", schedule.name(), missed.get());
            timetable.callNow(schedule, missed.get());
        }
    }

    /** Also tells at the start, and not only at night, when libvirt cannot be reached. */
    private void sweep() {
        try (DomainLink link = new DomainLink(workshop, configuration.connect(), SWEEP_PATIENCE, this::stopping)) {
            for (DomainVerdict verdict : link.ask(Domains::all)) {
                for (DomainDisk disk : verdict.domain().disks()) {
                    if (disk.file().isPresent() && !workshop.current().isStopped()) {
                        sweepBeside(disk.file().get());
                    }
                }
            }
            tidyUpOriginals(link);
        } catch (LibvirtUnavailableException e) {
            LOG.warn("no leftovers were looked for: {}", e.getMessage());
        } catch (WorkOverException stopping) {
            LOG.debug("no leftovers were looked for: {}", stopping.reason());
        }
    }

    private void tidyUpOriginals(DomainLink link) throws LibvirtUnavailableException, WorkOverException {
        atWork.lock();
        try {
            if (!workshop.current().isStopped()) {
                new OriginalsCare(workshop).tidyUp(link, "");
            }
        } finally {
            atWork.unlock();
        }
    }

    private Optional<String> stopping() {
        return workshop.current().isStopped() ? Optional.of(CurrentWork.STOPPING) : Optional.empty();
    }

    private static void sweepBeside(Path image) {
        try {
            Leftovers.sweepBeside(image).forEach(LOG::info);
        } catch (IOException e) {
            LOG.warn("no leftovers were looked for beside {}: {}", image, e.toString());
        }
    }

    private void prune() {
        try {
            workshop.history()
                    .prune(workshop.clock()
                            .instant()
                            .minus(Duration.ofDays(configuration.history().keepDays())));
        } catch (IOException e) {
            LOG.error("the history cannot be pruned: {}", e.toString());
        }
    }

    private void showMetrics() {
        metrics.show(configuration.metrics().listen(), configuration.metrics().textFile());
    }

    /** Of every schedule, also of those that are never due again. */
    private Map<String, Optional<Instant>> nextTimes() {
        Map<String, Instant> due = timetable.nextTimes();
        return configuration.schedules().stream()
                .map(ScheduleSettings::name)
                .collect(Collectors.toMap(name -> name, name -> Optional.ofNullable(due.get(name))));
    }

    private void sayWaiting() {
        Optional<Map.Entry<String, Instant>> next =
                timetable.nextTimes().entrySet().stream().min(Map.Entry.comparingByValue());
        workshop.status()
                .accept(next.map(first -> "waiting for " + first.getKey() + " at " + LOCAL.format(first.getValue()))
                        .orElse("waiting for nothing: no schedule is ever due again"));
    }
}
