package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import virtshrink.os.StorageDevice;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class DiskSlotsTest {
    private final List<Domain> waiting = new ArrayList<>();

    private record Domain(String name, Set<StorageDevice> devices) implements DiskSlots.Occupant {}

    private Domain waits(String name, String... devices) {
        Domain domain =
                new Domain(name, Arrays.stream(devices).map(StorageDevice::new).collect(Collectors.toSet()));
        waiting.add(domain);
        return domain;
    }

    /** Takes all that may begin now. */
    private List<String> begin(DiskSlots slots) {
        List<String> begun = new ArrayList<>();
        for (var next = slots.takeFirst(waiting); next.isPresent(); next = slots.takeFirst(waiting)) {
            waiting.remove(next.get());
            begun.add(next.get().name());
        }
        return begun;
    }

    private static DiskSlots slots(int overall, int perDevice) {
        return new DiskSlots(new DiskSlots.Limits(overall, perDevice));
    }

    @Test
    void neverLetsMoreBeginThanOverallOrOnADevice() {
        waits("a1", "a");
        waits("a2", "a");
        waits("b1", "b");
        waits("c1", "c");
        assertEquals(List.of("a1", "b1"), begin(slots(2, 1)));
        assertEquals(List.of("a2", "c1"), begin(slots(9, 1)));
    }

    @Test
    void allowsSeveralOnADeviceIfSoConfigured() {
        waits("a1", "a");
        waits("a2", "a");
        waits("a3", "a");
        assertEquals(List.of("a1", "a2"), begin(slots(9, 2)));
    }

    @Test
    void oneThatWaitsIsOvertakenOnlyByThoseThatNeedNoneOfItsDevices() {
        DiskSlots slots = slots(9, 1);
        Domain first = waits("a", "a");
        assertEquals(List.of("a"), begin(slots));
        waits("ab", "a", "b");
        waits("b", "b");
        waits("c", "c");
        assertEquals(List.of("c"), begin(slots), "b would make ab wait longer");
        slots.release(first);
        assertEquals(List.of("ab"), begin(slots));
    }

    @Test
    void givenBackSlotsAreFreeAgainOnEveryDevice() {
        DiskSlots slots = slots(1, 1);
        Domain both = waits("ab", "a", "b");
        begin(slots);
        waits("b", "b");
        assertEquals(List.of(), begin(slots));
        slots.release(both);
        assertEquals(List.of("b"), begin(slots));
    }

    @Test
    void whatLiesNowhereCountsOverall() {
        waits("x");
        waits("y");
        assertEquals(List.of("x"), begin(slots(1, 1)));
    }

    @Test
    void wakesWhoWaitsWhenASlotComesFreeOrTheLimitRises() throws Exception {
        DiskSlots slots = slots(1, 1);
        Domain first = waits("a", "a");
        begin(slots);
        waits("b", "b");
        assertFalse(slots.awaitRoomFor(waiting, Duration.ofNanos(1)));
        whileSomebodyWaits(slots, () -> slots.release(first));
        assertEquals(List.of("b"), begin(slots));
        waits("c", "c");
        whileSomebodyWaits(slots, () -> slots.limit(new DiskSlots.Limits(2, 1)));
        assertEquals(List.of("c"), begin(slots));
    }

    private void whileSomebodyWaits(DiskSlots slots, Runnable change) throws InterruptedException {
        CountDownLatch woken = new CountDownLatch(1);
        Thread waiter = new Thread(() -> {
            try {
                if (slots.awaitRoomFor(waiting, Duration.ofMinutes(5))) {
                    woken.countDown();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        waiter.start();
        while (waiter.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        change.run();
        assertTrue(woken.await(20, TimeUnit.SECONDS));
        waiter.join();
    }
}
