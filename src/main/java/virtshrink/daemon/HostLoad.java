package virtshrink.daemon;

import java.util.OptionalDouble;

/** How busy the host is. */
interface HostLoad {
    /** Load average of the last minute for each processor; empty if it cannot be told. */
    OptionalDouble perProcessor();

    /** Percentage of the last ten seconds in which some task waited for the disks; empty if the kernel does not tell. */
    OptionalDouble ioPressure();
}
