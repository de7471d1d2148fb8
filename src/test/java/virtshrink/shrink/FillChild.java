package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Path;
import virtshrink.os.Hosts;
import virtshrink.os.LoopMount;

/** The filler as a program of its own, to be interrupted, killed and limited. Arguments: directory, largest size of a file in bytes. */
final class FillChild {
    private FillChild() {}

    public static void main(String[] arguments) throws Exception {
        // The limit comes after the native library was unpacked, which is a file as well.
        Hosts.effectiveUid();
        LoopMount.run("prlimit", "--pid", Long.toString(ProcessHandle.current().pid()), "--fsize=" + arguments[1]);
        boolean[] begun = new boolean[1];
        try {
            FillReport report = new ClassicalFiller()
                    .fill(
                            Path.of(arguments[0]),
                            (writtenBytes, expectedBytes) -> {
                                if (!begun[0] && writtenBytes > 8 << 20) {
                                    begun[0] = true;
                                    System.out.println("filling");
                                }
                            },
                            new Cancellation());
            System.out.println("filled " + report.bytesWritten() + " " + report.files());
        } catch (IOException e) {
            System.out.println("failed " + e.getMessage());
        }
    }
}
