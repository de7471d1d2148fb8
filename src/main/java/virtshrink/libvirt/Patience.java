package virtshrink.libvirt;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * How long libvirt is waited for, and how all waiting is ended at once. libvirt's own client waits for ever for a libvirtd that hangs.
 * Thread-safe.
 */
public final class Patience {
    /** A pool of many volumes is refreshed in minutes; a libvirtd that hangs is mostly noticed sooner, see {@link Connection}. */
    private static final Duration STANDARD = Duration.ofMinutes(5);

    private final Duration limit;
    private final Set<CompletableFuture<?>> waited = ConcurrentHashMap.newKeySet();
    private volatile Optional<String> ended = Optional.empty();

    /**
     * A patience of its own.
     *
     * @param limit for one answer
     */
    public Patience(Duration limit) {
        this.limit = limit;
    }

    /** Long enough for everything that libvirt does when it does not hang. */
    public static Patience standard() {
        return new Patience(STANDARD);
    }

    /**
     * From now on nobody waits any more: every question fails, those whose answer is being waited for and all later ones.
     *
     * @param why a clause
     */
    public void end(String why) {
        ended = Optional.of(why);
        waited.forEach(answer -> giveUp(answer, why));
    }

    private static void giveUp(CompletableFuture<?> answer, String why) {
        answer.completeExceptionally(
                new LibvirtUnavailableException("the answer of libvirt is not waited for: " + why));
    }

    /** The answer, if it comes in time. */
    <T> T await(CompletableFuture<T> answer) throws LibvirtUnavailableException {
        return await(answer, limit);
    }

    /**
     * Likewise with less patience.
     *
     * @param atMost counts if it is less than this patience's own limit
     */
    @SuppressWarnings("CollectionUndefinedEquality") // Each answer is only itself.
    <T> T await(CompletableFuture<T> answer, Duration atMost) throws LibvirtUnavailableException {
        Duration wait = atMost.compareTo(limit) < 0 ? atMost : limit;
        waited.add(answer);
        try {
            ended.ifPresent(why -> giveUp(answer, why));
            return answer.get(wait.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new LibvirtUnavailableException("libvirt has not answered for " + wait.toSeconds() + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LibvirtUnavailableException("interrupted while waiting for libvirt", e);
        } catch (ExecutionException e) {
            throw rethrown(Objects.requireNonNullElse(e.getCause(), e));
        } finally {
            waited.remove(answer);
        }
    }

    private static LibvirtUnavailableException rethrown(Throwable cause) {
        if (cause instanceof RuntimeException unchecked) {
            throw unchecked;
        }
        if (cause instanceof Error error) {
            throw error;
        }
        return cause instanceof LibvirtUnavailableException expected
                ? expected
                : new LibvirtUnavailableException(String.valueOf(cause.getMessage()), cause);
    }
}
