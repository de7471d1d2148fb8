package virtshrink.libvirt;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls libvirt on threads of their own, so that whoever asks can stop waiting. A connection is closed when no call uses it any more: libvirt
 * would free it under the call. Thread-safe.
 */
final class CallThreads {
    private static final Logger LOG = LoggerFactory.getLogger(CallThreads.class);

    /** Taking leave of a libvirtd that hangs is worth no more. */
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    private static final ExecutorService THREADS = new ThreadPoolExecutor(
            0, Integer.MAX_VALUE, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), CallThreads::newThread);

    private final Patience patience;
    private final List<Connection> retired = new ArrayList<>();
    private int underWay;

    CallThreads(Patience patience) {
        this.patience = patience;
    }

    /** Something asked of libvirt. */
    interface Call<T> {
        T run() throws LibvirtUnavailableException;
    }

    private static Thread newThread(Runnable task) {
        Thread thread = new Thread(task, "libvirt-call");
        thread.setDaemon(true);
        return thread;
    }

    /** What the call returns, if it does in time. A call that was given up goes on until libvirt lets it. */
    <T> T call(Call<T> call) throws LibvirtUnavailableException {
        return patience.await(begin(call));
    }

    private <T> CompletableFuture<T> begin(Call<T> call) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        synchronized (this) {
            underWay++;
        }
        THREADS.execute(() -> {
            try {
                T result = call.run();
                ended();
                answer.complete(result);
            } catch (LibvirtUnavailableException | RuntimeException | Error problem) {
                ended();
                answer.completeExceptionally(problem);
            }
        });
        return answer;
    }

    private void ended() {
        List<Connection> due = List.of();
        synchronized (this) {
            underWay--;
            if (underWay == 0) {
                due = List.copyOf(retired);
                retired.clear();
            }
        }
        due.forEach(CallThreads::close);
    }

    private static void close(Connection connection) {
        try {
            connection.close();
        } catch (LibvirtException e) {
            LOG.debug("a connection to libvirt was closed that was none any more", e);
        }
    }

    /**
     * Closes the connection, now or when the last call has ended.
     *
     * @param farewell called before
     */
    void close(Connection connection, Runnable farewell, String what) {
        synchronized (this) {
            retired.add(connection);
        }
        try {
            patience.await(
                    begin(() -> {
                        farewell.run();
                        return what;
                    }),
                    CLOSE_LIMIT);
        } catch (LibvirtUnavailableException e) {
            LOG.debug("{} is closed when libvirt answers", what, e);
        }
    }
}
