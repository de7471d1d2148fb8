package virtshrink.daemon;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.daemon.DomainRun.Worthwhile;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.policy.Choice;
import virtshrink.policy.ChoiceRule;
import virtshrink.schedule.MaintenanceWindow;
import virtshrink.schedule.Schedule;

/**
 * One schedule's work at one time: choose the domains, estimate what each would give back, then shrink them, the largest gain first. Several at
 * once, as the slots allow. Used once, by one thread.
 */
final class Night {
    private static final Logger LOG = LoggerFactory.getLogger(Night.class);

    /** How long libvirt may be absent before this night's work is given up. */
    private static final Duration PATIENCE = Duration.ofHours(1);

    private final Workshop workshop;
    private final Schedule schedule;
    private final Instant due;
    private final MaintenanceWindow window;
    private final LinkPool links;
    private final StatusBoard board;
    private final RunLog log;
    /** Only this domain, and not a night that the schedule's times know of. */
    private final Optional<UUID> only;

    private int selected;
    private int leftAlone;
    private int unchanged;
    private int attempted;

    Night(Workshop workshop, String uri, Schedule schedule, Instant due) {
        this(workshop, uri, schedule, due, Optional.empty());
    }

    private Night(Workshop workshop, String uri, Schedule schedule, Instant due, Optional<UUID> only) {
        this.workshop = workshop;
        this.schedule = schedule;
        this.due = due;
        this.window = schedule.window(due);
        this.links = new LinkPool(() -> new DomainLink(workshop, uri, PATIENCE, this::whyNotGoOn));
        this.board = new StatusBoard(schedule.name(), workshop.status());
        this.log = new RunLog(workshop.history());
        this.only = only;
    }

    /**
     * The schedule's work on a domain out of turn.
     *
     * @param due of the night in whose window it is done
     */
    static Night of(Workshop workshop, String uri, Schedule schedule, Instant due, UUID domain) {
        return new Night(workshop, uri, schedule, due, Optional.of(domain));
    }

    void run() {
        if (!window.mayStartAt(now())) {
            LOG.warn(
                    "{}: the work that was due at {} is left out, its maintenance window is over",
                    schedule.name(),
                    due);
            return;
        }
        if (only.isEmpty()) {
            LOG.info("{}: begins the work that was due at {}", schedule.name(), due);
            log.remember(new NightBegan(now(), schedule.name(), schedule.rhythm(), due));
        }
        workshop.current().begin(schedule.name(), window);
        String reason = "";
        try (links) {
            work();
        } catch (WorkOverException over) {
            reason = over.reason();
        } catch (LibvirtUnavailableException e) {
            reason = String.valueOf(e.getMessage());
        } finally {
            workshop.current().end();
        }
        if (only.isPresent()) {
            if (!reason.isEmpty()) {
                LOG.info("{}: the work on one domain ended early: {}", schedule.name(), reason);
            }
            return;
        }
        log.remember(new NightEnded(now(), schedule.name(), due, selected, leftAlone, unchanged, attempted, reason));
        LOG.info(
                "{}: ended{}; domains: {} meant, {} left alone, {} unchanged, {} looked at",
                schedule.name(),
                reason.isEmpty() ? "" : " early: " + reason,
                selected,
                leftAlone,
                unchanged,
                attempted);
    }

    private void work() throws LibvirtUnavailableException, WorkOverException {
        board.say("", "asking libvirt for its domains");
        if (only.isEmpty()) {
            links.use(link -> {
                new OriginalsCare(workshop).tidyUp(link, schedule.name());
                return schedule;
            });
        }
        Map<String, Path> pools = links.use(link -> link.ask(Domains::poolDirectories));
        List<DomainVerdict> verdicts = links.use(link -> link.ask(this::candidates));
        board.done("");
        ChoiceRule rule = new ChoiceRule(schedule, workshop.history(), pools);
        List<Choice.Take> taken = new ArrayList<>();
        for (DomainVerdict verdict : verdicts) {
            Choice choice = rule.choose(verdict, now());
            count(verdict, choice);
            if (choice instanceof Choice.Take take) {
                taken.add(take);
            }
        }
        Crew crew = new Crew(workshop.neighbour().slots(), new LoadGate(workshop, window, board));
        List<Worthwhile> worthwhile = estimate(taken, crew);
        worthwhile.sort(
                Comparator.comparingLong(Worthwhile::gainBytes).reversed().thenComparing(Worthwhile::name));
        crew.work(worthwhile.stream()
                .map(domain -> new Crew.Job(domain.name(), domain.devices(), () -> shrink(domain, rule)))
                .toList());
    }

    private List<DomainVerdict> candidates(Domains domains) throws LibvirtUnavailableException {
        return only.isPresent() ? domains.named(only.get().toString()).stream().toList() : domains.all();
    }

    private List<Worthwhile> estimate(List<Choice.Take> taken, Crew crew)
            throws LibvirtUnavailableException, WorkOverException {
        List<Worthwhile> worthwhile = Collections.synchronizedList(new ArrayList<>());
        crew.work(taken.stream()
                .map(take -> new Crew.Job(take.name(), DomainRun.devices(take), () -> {
                    board.say(take.name(), take.name() + ": estimating");
                    runOn(take).estimate().ifPresent(worthwhile::add);
                }))
                .toList());
        return new ArrayList<>(worthwhile);
    }

    private void count(DomainVerdict verdict, Choice choice) {
        String name = verdict.domain().name();
        if (choice instanceof Choice.NotMeant notMeant) {
            LOG.debug("{}: {} is not meant: {}", schedule.name(), name, notMeant.reason());
            return;
        }
        selected++;
        if (choice instanceof Choice.LeftAlone left) {
            leftAlone++;
            LOG.info("{}: left alone: {}", name, left.reason());
        } else if (choice instanceof Choice.Unchanged) {
            unchanged++;
            LOG.debug("{}: unchanged since its last run", name);
        } else {
            attempted++;
        }
    }

    /**
     * Everything is asked anew: since the estimate hours may have passed. Over one link from the question to the end, because the run itself asks
     * over the same connection whether the domain is still idle.
     */
    private void shrink(Worthwhile domain, ChoiceRule rule) throws LibvirtUnavailableException, WorkOverException {
        links.use(link -> {
            Optional<DomainVerdict> verdict =
                    link.ask(domains -> domains.named(domain.uuid().toString()));
            Optional<Choice> choice = verdict.map(judged -> rule.choose(judged, now()));
            if (choice.isPresent() && choice.get() instanceof Choice.Take take) {
                requireTime();
                for (Path image : runOn(take).shrink(link)) {
                    refreshPool(link, image);
                }
            } else {
                LOG.info(
                        "{}: left alone after all: {}",
                        domain.name(),
                        choice.map(Choice::words).orElse("it is no longer defined"));
            }
            return domain;
        });
    }

    private DomainRun runOn(Choice.Take take) {
        return new DomainRun(workshop, schedule, take, board);
    }

    /** A pool that still shows the old figures is a blemish, not a failure of the run. */
    private static void refreshPool(DomainLink link, Path image) throws WorkOverException {
        try {
            link.ask(domains -> {
                domains.changed(image);
                return image;
            });
        } catch (LibvirtUnavailableException e) {
            LOG.warn("the storage pool of {} still shows its old size: {}", image, e.getMessage());
        }
    }

    private void requireTime() throws WorkOverException {
        Optional<String> over = whyNotGoOn();
        if (over.isPresent()) {
            throw new WorkOverException(over.get());
        }
    }

    private Optional<String> whyNotGoOn() {
        return workshop.current().whyNotGoOn(now());
    }

    private Instant now() {
        return workshop.clock().instant();
    }
}
