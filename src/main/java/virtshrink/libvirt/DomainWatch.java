package virtshrink.libvirt;

import java.io.IOException;
import virtshrink.libvirt.Connection.CallFailedException;

/**
 * Hears from libvirt what becomes of its domains, over a connection of its own. When that breaks, or libvirtd hangs for longer than its keepalive
 * allows, there is nothing to be heard any more; see {@link Listener#lost}. Thread-safe.
 */
public final class DomainWatch implements AutoCloseable {
    private final CallThreads calls;
    private final Connection connection;
    private final long key;
    private final int id;

    private DomainWatch(CallThreads calls, Connection connection, long key, int id) {
        this.calls = calls;
        this.connection = connection;
        this.key = key;
        this.id = id;
    }

    /** Called on the thread of libvirt's event loop, for which every connection of this process waits: must return at once. */
    public interface Listener {
        /** Something became of a domain. */
        void changed(DomainChange change);

        /** Nothing will be told any more. */
        void lost();
    }

    /**
     * Connects and listens.
     *
     * @param uri of a driver on this host, such as {@code qemu:///system}
     * @throws LibvirtUnavailableException if libvirt cannot be reached or tells no events
     */
    public static DomainWatch open(String uri, Patience patience, Listener listener)
            throws LibvirtUnavailableException {
        Connection connection = Hypervisor.connect(ConnectionUri.parse(uri), true, patience);
        CallThreads calls = new CallThreads(patience);
        long key = WatchCallbacks.add(listener);
        try {
            return new DomainWatch(calls, connection, key, calls.call(() -> watch(connection, key)));
        } catch (IOException | RuntimeException e) {
            WatchCallbacks.remove(key);
            calls.close(connection, () -> {}, "the connection to libvirt at " + uri);
            throw e;
        }
    }

    private static int watch(Connection connection, long key) throws LibvirtUnavailableException {
        try {
            return connection.watch(key);
        } catch (CallFailedException e) {
            throw new LibvirtUnavailableException("libvirt was asked for " + e.getMessage(), e);
        }
    }

    /** The listener hears nothing more, except what is being told in this moment. */
    @Override
    public void close() {
        WatchCallbacks.remove(key);
        calls.close(connection, () -> connection.unwatch(id), "the connection for libvirt's events");
    }
}
