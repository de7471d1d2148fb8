package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Path;

/** A run with the mounting filler as a program of its own, to be killed. Arguments: run directory, image. Says when it fills, and waits then. */
final class MountingChild {
    private MountingChild() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        new TestRun(Path.of(arguments[0]), Path.of(arguments[1]))
                .mounting(MountingDisk.mounting())
                .progress(MountingDisk.whileFilling(() -> {
                    System.out.println("filling");
                    Waiting.quietlyUntil(() -> false);
                }))
                .run();
    }
}
