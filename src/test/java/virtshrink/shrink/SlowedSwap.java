package virtshrink.shrink;

import java.nio.file.Path;
import virtshrink.block.ExternalTool;

/** Runs of the command line whose last step takes so long that others can look at it, or kill it, in the middle. */
final class SlowedSwap {
    private SlowedSwap() {}

    /** Waits before the exchange; of all renames only that one names the image itself. */
    static CommandLineChild before(CommandLineChild child, Path image, int millis) {
        return traced(child, image, "renameat2", "delay_enter", millis);
    }

    /** Waits when the exchange has happened and nothing else yet. */
    static CommandLineChild after(CommandLineChild child, Path image, int millis) {
        return traced(child, image, "renameat2", "delay_exit", millis);
    }

    /** Waits when the directory has been written to the disk and the displaced original is still there. */
    static CommandLineChild beforeUnlink(CommandLineChild child, Path image, int millis) {
        return traced(child, image.getParent(), "fsync", "delay_exit", millis);
    }

    private static CommandLineChild traced(CommandLineChild child, Path path, String call, String delay, int millis) {
        ExternalTool.assume("strace", "strace");
        return child.startedBy(
                "strace",
                "-f",
                "--seccomp-bpf",
                "-o",
                "/dev/null",
                "-P",
                path.toString(),
                "-e",
                "trace=" + call,
                "-e",
                "inject=" + call + ":" + delay + "=" + millis * 1000L);
    }
}
