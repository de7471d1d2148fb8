package virtshrink.daemon;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.control.Answer;
import virtshrink.control.Conversation;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.job.DomainJob;
import virtshrink.job.DomainJson;
import virtshrink.job.DomainResult;
import virtshrink.job.RunSettings;
import virtshrink.job.Surroundings;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.Originals;
import virtshrink.os.StorageDevice;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/**
 * Runs that somebody asks for through the control socket, one after the other, whatever the time of day. Whoever asks sees what happens; when he
 * leaves, his runs are cancelled. Thread-safe.
 */
final class OnDemand {
    private static final Logger LOG = LoggerFactory.getLogger(OnDemand.class);
    private static final String NAME = "on demand";

    /** Somebody waits for the answer. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Workshop workshop;
    private final Workshop.DiskRunner runner;
    private final WorkBoard board;
    private final ThreadPoolExecutor worker;
    private final Runnable whenIdle;

    /**
     * Nothing runs yet.
     *
     * @param runner does it, without a word to the board
     * @param whenIdle called when nothing more is asked for
     */
    OnDemand(Workshop workshop, Workshop.DiskRunner runner, WorkBoard board, Runnable whenIdle) {
        this.workshop = workshop;
        this.runner = runner;
        this.board = board;
        this.whenIdle = whenIdle;
        this.worker = new ThreadPoolExecutor(1, 1, 1, TimeUnit.MINUTES, new LinkedBlockingQueue<>(), task -> {
            Thread thread = new Thread(task, "on-demand");
            thread.setDaemon(true);
            return thread;
        });
        worker.allowCoreThreadTimeOut(true);
    }

    /** Will be done. Its answers end with {@link Answer.End}. */
    void add(String uri, List<String> domains, RunSettings settings, Conversation conversation) {
        Order order = new Order(uri, domains, settings, conversation);
        conversation.say(new Answer.Accepted());
        conversation.whenGone(() -> order.cancel("interrupted"));
        List<String> running = board.running();
        if (!running.isEmpty()) {
            conversation.say(new Answer.Waiting("virt-shrinkd is at work on " + String.join(", ", running)));
        }
        worker.execute(order::run);
    }

    /** Takes nothing more, and waits for what runs, which has been cancelled. */
    void stop(Duration patience) throws InterruptedException {
        worker.shutdown();
        if (!worker.awaitTermination(patience.toMillis(), TimeUnit.MILLISECONDS)) {
            LOG.warn("a run that was asked for did not end in time; the next start cleans up what it left");
        }
    }

    /** What one client has asked for. */
    private final class Order implements Surroundings {
        private final RunSettings settings;
        private final Conversation conversation;
        private final List<WorkBoard.Item> items = new ArrayList<>();
        private final DomainLink link;
        private Optional<WorkBoard.Item> current = Optional.empty();

        Order(String uri, List<String> domains, RunSettings settings, Conversation conversation) {
            this.settings = settings;
            this.conversation = conversation;
            this.link = new DomainLink(workshop, uri, PATIENCE, this::whyNotGoOn);
            domains.forEach(name -> items.add(board.add(name, NAME, new Cancellation())));
        }

        void cancel(String why) {
            items.forEach(item -> item.cancellation().cancel(why));
        }

        private Optional<String> whyNotGoOn() {
            return current.flatMap(item -> item.cancellation().reason())
                    .or(() -> workshop.current().isStopped() ? Optional.of(CurrentWork.STOPPING) : Optional.empty());
        }

        void run() {
            try (link) {
                for (WorkBoard.Item item : items) {
                    current = Optional.of(item);
                    DomainResult result = run(item);
                    LOG.info(
                            "{}: {}, asked for by {}: {}{}",
                            NAME,
                            result.name(),
                            conversation.user(),
                            result.outcome().contractName(),
                            result.reason().isEmpty() ? "" : ": " + result.reason());
                    conversation.say(new Answer.Result(DomainJson.result(result)));
                    item.close();
                }
                conversation.close(new Answer.End());
            } catch (LibvirtUnavailableException e) {
                conversation.close(new Answer.Refused(Answer.Why.FAILED, String.valueOf(e.getMessage())));
            } catch (RuntimeException bug) {
                LOG.error("internal error in a run that was asked for", bug);
                conversation.close(new Answer.Refused(Answer.Why.FAILED, "internal error: " + bug));
            } finally {
                // Not said where a last answer has been given. An error of the Java machine must not let the client
                // wait
                // for ever.
                conversation.close(new Answer.Refused(Answer.Why.FAILED, "the daemon could not go on; see its log"));
                items.forEach(WorkBoard.Item::close);
                if (worker.getQueue().isEmpty()) {
                    whenIdle.run();
                }
            }
        }

        private DomainResult run(WorkBoard.Item item) throws LibvirtUnavailableException {
            try {
                Optional<String> over = whyNotGoOn();
                if (over.isPresent()) {
                    throw new WorkOverException(over.get());
                }
                Optional<DomainVerdict> verdict = link.ask(domains -> domains.named(item.asked()));
                if (verdict.isEmpty()) {
                    return DomainJob.unknown(item.asked());
                }
                String name = verdict.get().domain().name();
                item.named(name);
                conversation.say(new Answer.Subject(name));
                return inTurn(item, verdict.get());
            } catch (WorkOverException over) {
                return DomainResult.ended(item.asked(), Outcome.YIELDED, over.reason());
            }
        }

        /** When those before it have left its devices, which may take hours: then the domain is judged anew. */
        private DomainResult inTurn(WorkBoard.Item item, DomainVerdict before)
                throws LibvirtUnavailableException, WorkOverException {
            String name = before.domain().name();
            Set<StorageDevice> devices = DomainRun.devices(before.requests());
            DiskSlots.Occupant occupant = () -> devices;
            DiskSlots slots = workshop.neighbour().slots();
            boolean taken = false;
            try (CurrentWork.Task task = workshop.current().newTaskOnDemand(name, item.cancellation())) {
                taken = slots.takeUrgently(
                        occupant, () -> task.cancellation().reason().isPresent());
                Optional<DomainVerdict> verdict =
                        link.ask(domains -> domains.named(before.domain().uuid().toString()));
                return verdict.isPresent()
                        ? new DomainJob(this, settings).run(verdict.get(), listener(item, name), item.cancellation())
                        : DomainJob.unknown(item.asked());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new WorkOverException("interrupted while waiting for the runs before");
            } finally {
                if (taken) {
                    slots.release(occupant);
                }
            }
        }

        private ProgressListener listener(WorkBoard.Item item, String name) {
            ProgressListener status = new StatusProgress(NAME + ": " + name, workshop.clock(), workshop.status());
            return new WorkBoard.Both(item, new WorkBoard.Both(status, new SpokenProgress(conversation)));
        }

        @Override
        public List<ShrinkReport> shrinkTogether(
                List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
            return runner.run(disks, progress, cancellation);
        }

        @Override
        public Originals originals() {
            return new Originals(workshop.history().directory());
        }

        @Override
        public void changed(Path image) throws LibvirtUnavailableException {
            try {
                link.ask(domains -> {
                    domains.changed(image);
                    return image;
                });
            } catch (WorkOverException over) {
                throw new LibvirtUnavailableException(over.reason());
            }
        }

        @Override
        public Optional<String> remember(DiskRun entry) {
            new RunLog(workshop.history()).add(entry);
            return Optional.empty();
        }

        @Override
        public Instant now() {
            return workshop.clock().instant();
        }
    }
}
