package virtshrink.daemon;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import virtshrink.libvirt.LibvirtUnavailableException;

/**
 * Lends each thread a link of its own: a connection that one thread has found broken and closes must not be in the middle of another one's
 * call. The last one given back is the first to be lent again. Thread-safe.
 */
final class LinkPool implements AutoCloseable {
    private final Supplier<DomainLink> source;
    private final Deque<DomainLink> idle = new ArrayDeque<>();

    LinkPool(Supplier<DomainLink> source) {
        this.source = source;
    }

    /** Does something with a link that nobody else uses meanwhile. */
    interface Use<T> {
        T with(DomainLink link) throws LibvirtUnavailableException, WorkOverException;
    }

    <T> T use(Use<T> use) throws LibvirtUnavailableException, WorkOverException {
        DomainLink link = take();
        try {
            return use.with(link);
        } finally {
            giveBack(link);
        }
    }

    private synchronized DomainLink take() {
        return idle.isEmpty() ? source.get() : idle.pop();
    }

    private synchronized void giveBack(DomainLink link) {
        idle.push(link);
    }

    /** To be called when nobody uses one any more. */
    @Override
    public synchronized void close() {
        idle.forEach(DomainLink::close);
        idle.clear();
    }
}
