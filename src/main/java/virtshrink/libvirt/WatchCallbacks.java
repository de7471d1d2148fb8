package virtshrink.libvirt;

import com.sun.jna.Pointer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import virtshrink.libvirt.LibvirtCalls.CloseCallback;
import virtshrink.libvirt.LibvirtCalls.DomainEventCallback;

/**
 * What libvirt calls, on the thread of its event loop. Held for ever, because native code keeps only an address; who is meant is found by a key
 * that libvirt passes through.
 */
final class WatchCallbacks {
    static final DomainEventCallback HAPPENED = WatchCallbacks::happened;
    static final CloseCallback CLOSED = WatchCallbacks::closed;

    private static final AtomicLong LAST_KEY = new AtomicLong();
    private static final Map<Long, DomainWatch.Listener> LISTENERS = new ConcurrentHashMap<>();

    private WatchCallbacks() {}

    /** A key for a listener. */
    static long add(DomainWatch.Listener listener) {
        long key = LAST_KEY.incrementAndGet();
        LISTENERS.put(key, listener);
        return key;
    }

    static void remove(long key) {
        LISTENERS.remove(key);
    }

    private static int happened(Pointer connection, Pointer domain, int event, int detail, Pointer opaque) {
        DomainWatch.Listener listener = LISTENERS.get(Pointer.nativeValue(opaque));
        if (listener != null) {
            Connection.change(domain, event, detail).ifPresent(listener::changed);
        }
        return 0;
    }

    private static void closed(Pointer connection, int reason, Pointer opaque) {
        DomainWatch.Listener listener = LISTENERS.get(Pointer.nativeValue(opaque));
        if (listener != null) {
            listener.lost();
        }
    }
}
