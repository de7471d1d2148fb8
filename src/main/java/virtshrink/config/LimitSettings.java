package virtshrink.config;

import java.util.OptionalDouble;
import java.util.OptionalLong;
import virtshrink.shrink.SpaceReserve;

/**
 * What the daemon may take from everything else on the host.
 *
 * @param disks how many are worked on at once, at least 1
 * @param disksPerDevice of these on one storage device, at least 1
 * @param ioRate bytes per second that each disk's run may write or compare, at least 1 MiB; empty for no limit
 * @param reserve what stays free on each filesystem
 * @param maxLoad load average per processor above which nothing new is started; empty for no limit
 * @param maxIoPressure likewise the percentage of time in which tasks waited for the disks
 */
public record LimitSettings(
        int disks,
        int disksPerDevice,
        OptionalLong ioRate,
        SpaceReserve reserve,
        OptionalDouble maxLoad,
        OptionalDouble maxIoPressure) {
    /** What holds when nothing is said. */
    public static final LimitSettings STANDARD = new LimitSettings(
            2, 1, OptionalLong.empty(), SpaceReserve.STANDARD, OptionalDouble.empty(), OptionalDouble.empty());
}
