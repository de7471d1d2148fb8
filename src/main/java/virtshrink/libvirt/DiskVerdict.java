package virtshrink.libvirt;

import java.util.List;
import virtshrink.shrink.ShrinkRequest;

/** Whether a disk may be shrunk. */
public sealed interface DiskVerdict {
    /** The disk it is about. */
    DomainDisk disk();

    /**
     * It may.
     *
     * @param request with image, format, target, sector size and guard set, all else at its default
     * @param notes what the user should know, each a sentence
     */
    record Eligible(DomainDisk disk, ShrinkRequest request, List<String> notes) implements DiskVerdict {
        public Eligible {
            notes = List.copyOf(notes);
        }
    }

    /**
     * It must be left alone.
     *
     * @param reason a sentence that an administrator understands
     */
    record Refused(DomainDisk disk, String reason) implements DiskVerdict {}
}
