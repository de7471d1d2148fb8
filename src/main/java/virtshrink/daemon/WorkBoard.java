package virtshrink.daemon;

import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cause;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkRequest;

/** Which domains are worked on or wait for it, in whose name and how far they are: what users see and can cancel. Thread-safe. */
final class WorkBoard {
    private final Clock clock;
    private final List<Item> items = new ArrayList<>();

    WorkBoard(Clock clock) {
        this.clock = clock;
    }

    /** One run on the disks of one domain, or the wait for it; closed when it has ended. Hears the progress of the run. */
    final class Item implements ProgressListener, AutoCloseable {
        private final String asked;
        private final String by;
        private final Cancellation cancellation;
        private final Instant since;
        private String domain;
        private Optional<Phase> phase = Optional.empty();
        private int percent;

        private Item(String domain, String by, Cancellation cancellation) {
            this.asked = domain;
            this.domain = domain;
            this.by = by;
            this.cancellation = cancellation;
            this.since = clock.instant();
        }

        /** As it was asked for: a name or a UUID. */
        String asked() {
            return asked;
        }

        Cancellation cancellation() {
            return cancellation;
        }

        /** The domain's name, where it was asked for by its UUID. */
        void named(String name) {
            synchronized (WorkBoard.this) {
                domain = name;
            }
        }

        @Override
        public void phaseBegan(Phase begun) {
            synchronized (WorkBoard.this) {
                phase = Optional.of(begun);
                percent = 0;
            }
        }

        @Override
        public void advanced(long doneBytes, long totalBytes) {
            synchronized (WorkBoard.this) {
                percent = (int) (100.0 * doneBytes / Math.max(1, totalBytes));
            }
        }

        @Override
        public void close() {
            synchronized (WorkBoard.this) {
                items.remove(this);
            }
        }

        private boolean isOf(String name) {
            return asked.equals(name) || domain.equals(name);
        }

        private Map<String, Object> json() {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("domain", domain);
            json.put("by", by);
            json.put("since", since.toString());
            json.put("state", phase.isPresent() ? "running" : "waiting");
            json.put("phase", phase.map(Phase::contractName).orElse(""));
            json.put("percent", percent);
            return json;
        }
    }

    /** Something new, which waits until its first phase begins. */
    synchronized Item add(String domain, String by, Cancellation cancellation) {
        Item item = new Item(domain, by, cancellation);
        items.add(item);
        return item;
    }

    /**
     * A runner whose runs are on the board, under the names of their domains.
     *
     * @param by in whose name
     */
    Workshop.DiskRunner listed(Workshop.DiskRunner runner, Supplier<String> by) {
        return (disks, progress, cancellation) -> {
            try (Item item = add(domainOf(disks), by.get(), cancellation)) {
                return runner.run(disks, new Both(item, progress), cancellation);
            }
        };
    }

    private static String domainOf(List<ShrinkRequest> disks) {
        return disks.stream()
                .flatMap(disk -> disk.guard().domain().stream())
                .findFirst()
                .orElse("");
    }

    /** Who is running; the others wait. */
    synchronized List<String> running() {
        return items.stream()
                .filter(item -> item.phase.isPresent())
                .map(item -> item.domain)
                .toList();
    }

    synchronized List<Map<String, Object>> json() {
        return items.stream().map(Item::json).toList();
    }

    /**
     * Cancels what runs and what waits.
     *
     * @param name of a domain; all if empty
     * @return the domains that it concerned
     */
    List<String> cancel(Optional<String> name, Cause cause, String why) {
        List<Item> due;
        synchronized (this) {
            due = items.stream()
                    .filter(item -> name.isEmpty() || item.isOf(name.get()))
                    .toList();
        }
        // Not under the lock: what is cancelled acts at once.
        return due.stream()
                .filter(item -> item.cancellation().cancel(cause, why))
                .map(item -> item.domain)
                .distinct()
                .toList();
    }

    /** Two listeners as one. */
    record Both(ProgressListener first, ProgressListener second) implements ProgressListener {
        @Override
        public void phaseBegan(Phase phase) {
            first.phaseBegan(phase);
            second.phaseBegan(phase);
        }

        @Override
        public void advanced(long doneBytes, long totalBytes) {
            first.advanced(doneBytes, totalBytes);
            second.advanced(doneBytes, totalBytes);
        }
    }
}
