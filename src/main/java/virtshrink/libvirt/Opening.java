package virtshrink.libvirt;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.libvirt.LibvirtException;

/**
 * An attempt to connect. With a libvirtd that hangs it lasts until that one goes on or ends; who has given up waiting leaves it for the next one
 * who wants the same, so that attempts do not pile up.
 */
final class Opening {
    /** A libvirtd that is started by its socket has to come up first. */
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private static final Map<String, Deque<Opening>> LEFT = new HashMap<>();

    private final CompletableFuture<Connection> connection = new CompletableFuture<>();
    private Optional<LibvirtException> failure = Optional.empty();

    private Opening(String uri) {
        Thread thread = new Thread(() -> connect(uri), "libvirt-connect");
        thread.setDaemon(true);
        thread.start();
    }

    private void connect(String uri) {
        try {
            connection.complete(new Connection(uri));
        } catch (LibvirtException e) {
            failure = Optional.of(e);
            connection.completeExceptionally(e);
        } catch (RuntimeException | LinkageError e) {
            connection.completeExceptionally(e);
        }
    }

    /**
     * A connection.
     *
     * @throws LibvirtException if libvirt says so
     * @throws LibvirtUnavailableException if nobody answers in time
     */
    static Connection open(String uri, Patience patience) throws LibvirtException, LibvirtUnavailableException {
        Opening opening = begun(uri);
        // The future that is waited for is another one: who gives up must not spoil the attempt for the next one.
        CompletableFuture<Connection> answer = opening.connection.thenApply(opened -> opened);
        try {
            return patience.await(answer, LIMIT);
        } catch (LibvirtUnavailableException e) {
            if (opening.connection.isCompletedExceptionally() && opening.failure.isPresent()) {
                throw opening.failure.get();
            }
            leave(uri, opening);
            throw e;
        }
    }

    private static Opening begun(String uri) {
        synchronized (LEFT) {
            Deque<Opening> left = LEFT.getOrDefault(uri, new ArrayDeque<>());
            while (!left.isEmpty()) {
                Opening opening = left.removeFirst();
                if (!opening.connection.isCompletedExceptionally()) {
                    return opening;
                }
            }
            return new Opening(uri);
        }
    }

    private static void leave(String uri, Opening opening) {
        synchronized (LEFT) {
            LEFT.computeIfAbsent(uri, unused -> new ArrayDeque<>()).addLast(opening);
        }
    }
}
