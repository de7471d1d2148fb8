package virtshrink.image;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * One thread that lives as long as this process, with the priority that the process was started with. On Linux a thread inherits the priority
 * of the one that starts it, so what must be quick although a worker of low priority needs it is started from here.
 */
final class SteadyThread {
    private static final ThreadPoolExecutor THREAD =
            new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                Thread thread = new Thread(task, "child-starter");
                thread.setDaemon(true);
                return thread;
            });

    private SteadyThread() {}

    /** To be called on a thread before its priority is lowered: the steady thread is started by whoever needs it first. */
    static void ensureRunning() {
        THREAD.prestartAllCoreThreads();
    }

    /** Has something done there, and waits for it. Waits through interrupts, which stay pending. */
    static <T> T call(Callable<T> task) throws ExecutionException {
        Future<T> done = THREAD.submit(task);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return done.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
