package virtshrink.libvirt;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.libvirt.Library;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * libvirt's event loop in this process. Connections that are opened after its start are kept alive by it and tell events through it; what it
 * calls must return at once, or every connection stands still.
 */
final class EventLoop {
    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
    private static final long PAUSE_AFTER_FAILURE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private static boolean started;

    private EventLoop() {}

    /** Starts it for the life of this process; harmless if it runs already. */
    static synchronized void start() throws LibvirtException {
        if (started) {
            return;
        }
        Library.initEventLoop();
        Thread loop = new Thread(EventLoop::run, "libvirt-events");
        loop.setDaemon(true);
        loop.start();
        started = true;
    }

    /** Whether connections that are opened now can be kept alive. */
    static synchronized boolean isStarted() {
        return started;
    }

    private static void run() {
        while (true) {
            try {
                Library.processEvent();
            } catch (LibvirtException e) {
                LOG.debug("libvirt's event loop failed and goes on", e);
                LockSupport.parkNanos(PAUSE_AFTER_FAILURE_NANOS);
            }
        }
    }
}
