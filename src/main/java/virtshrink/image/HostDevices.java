package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What a run needs to bring a part of its disk into the host's kernel and to get it out again. Made by {@link ImageWork#hostDevices}.
 *
 * @param children are all killed when somebody else needs the disk; what holds the image is to be one of them
 * @param undoing are not: what cleans up behind the others
 * @param directory private to the run, and gone with it
 * @param claims where a file for each device is locked by the run that holds it
 * @param register in the run's record
 */
public record HostDevices(
        ChildProcessFactory children, ChildProcessFactory undoing, Path directory, Path claims, Register register) {
    /** How long what only cleans up may take before it is given up and reported. */
    public static final Duration UNDO_LIMIT = Duration.ofSeconds(30);

    /** Says to others which device the run holds, so that they can look after it if the run dies. */
    public interface Register {
        /** Before anything is attached to it. */
        void taken(String device) throws IOException;

        /** When the kernel has confirmed that nothing is any more. */
        void free(String device) throws IOException;
    }
}
