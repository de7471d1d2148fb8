package virtshrink.control;

import jdk.net.UnixDomainPrincipal;

/** Decides who may ask. Must be quick. */
@FunctionalInterface
public interface Doorkeeper {
    /**
     * Whether this process may.
     *
     * @param peer effective user and group of the process that has connected, as the kernel says ({@code SO_PEERCRED} in {@code unix(7)})
     */
    boolean lets(UnixDomainPrincipal peer);
}
