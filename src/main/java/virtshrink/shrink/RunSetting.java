package virtshrink.shrink;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import virtshrink.image.ImageFormat;

/**
 * What all steps of one run share.
 *
 * @param output where the result goes, its directory resolved; in place of the image when empty
 * @param notes taken from every step, for the report
 */
record RunSetting(
        ShrinkRequest request,
        Optional<Path> output,
        Restraint restraint,
        Cancellation cancellation,
        DiskOwner owner,
        PhaseClock clock,
        List<String> notes) {
    /** Format of the result. */
    ImageFormat target() {
        return request.convertTo().orElse(request.format());
    }
}
