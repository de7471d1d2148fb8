package virtshrink.daemon;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import virtshrink.config.LimitSettings;
import virtshrink.os.StorageDevice;

/**
 * How many domains are worked on at once, overall and on each storage device. A domain counts once on each device that one of its disks lies on:
 * its disks are worked on one after the other. Thread-safe.
 */
final class DiskSlots {
    private static final long LOOK_MILLIS = 100;

    private final Map<StorageDevice, Integer> taken = new HashMap<>();
    /** Those that go before all others as soon as there is room for them, in their order. */
    private final List<Occupant> urgent = new ArrayList<>();

    private int overall;
    private Limits limits;

    /**
     * What is allowed.
     *
     * @param overall at least 1
     * @param perDevice at least 1
     */
    record Limits(int overall, int perDevice) {
        static Limits of(LimitSettings settings) {
            return new Limits(settings.disks(), settings.disksPerDevice());
        }
    }

    /** Something that occupies devices while it runs. */
    interface Occupant {
        Set<StorageDevice> devices();
    }

    DiskSlots(Limits limits) {
        this.limits = limits;
    }

    /** Other limits from now on; what runs already goes on. */
    synchronized void limit(Limits fresh) {
        limits = fresh;
        notifyAll();
    }

    /**
     * Takes the slots of the first that may begin now. One that has to wait for a device may be overtaken by those that need none of its devices, and
     * by no other: so it waits for no more than what already runs.
     *
     * @param waiting in the order in which they are to begin
     */
    synchronized <T extends Occupant> Optional<T> takeFirst(List<T> waiting) {
        Optional<T> first = first(waiting);
        first.ifPresent(this::take);
        return first;
    }

    private void take(Occupant occupant) {
        overall++;
        occupant.devices().forEach(device -> taken.merge(device, 1, Integer::sum));
    }

    /**
     * Waits for the slots of one that somebody waits for, before all that only wait their turn, and takes them.
     *
     * @param givenUp asked every now and then
     * @return false if it was given up
     */
    synchronized boolean takeUrgently(Occupant occupant, BooleanSupplier givenUp) throws InterruptedException {
        urgent.add(occupant);
        try {
            while (!givenUp.getAsBoolean()) {
                if (firstOf(urgent).filter(first -> first == occupant).isPresent()) {
                    take(occupant);
                    return true;
                }
                wait(LOOK_MILLIS);
            }
            return false;
        } finally {
            urgent.remove(occupant);
            notifyAll();
        }
    }

    /**
     * Waits until one of them may begin, but not longer than the limit.
     *
     * @return whether one may
     */
    synchronized boolean awaitRoomFor(List<? extends Occupant> waiting, Duration limit) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (first(waiting).isEmpty()) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return true;
    }

    /** Gives back what {@link #takeFirst} took. */
    synchronized void release(Occupant occupant) {
        overall--;
        occupant.devices().forEach(device -> taken.merge(device, -1, DiskSlots::sumOrNone));
        notifyAll();
    }

    @SuppressWarnings("NullAway") // null removes the entry
    private static Integer sumOrNone(int one, int other) {
        return one + other == 0 ? null : one + other;
    }

    private <T extends Occupant> Optional<T> first(Collection<T> waiting) {
        if (firstOf(urgent).isPresent()) {
            return Optional.empty();
        }
        Set<StorageDevice> spokenFor = new HashSet<>();
        urgent.forEach(occupant -> spokenFor.addAll(occupant.devices()));
        return firstOf(waiting, spokenFor);
    }

    private <T extends Occupant> Optional<T> firstOf(Collection<T> waiting) {
        return firstOf(waiting, new HashSet<>());
    }

    private <T extends Occupant> Optional<T> firstOf(Collection<T> waiting, Set<StorageDevice> spokenFor) {
        if (overall >= limits.overall()) {
            return Optional.empty();
        }
        for (T occupant : waiting) {
            boolean free = occupant.devices().stream()
                    .allMatch(device ->
                            !spokenFor.contains(device) && taken.getOrDefault(device, 0) < limits.perDevice());
            if (free) {
                return Optional.of(occupant);
            }
            spokenFor.addAll(occupant.devices());
        }
        return Optional.empty();
    }
}
