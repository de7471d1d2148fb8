package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.ImageWork;
import virtshrink.image.Pace;
import virtshrink.image.RunDirectory;
import virtshrink.image.RunOwner;
import virtshrink.image.ServedDisk;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.DiskInspector;

/** Looks at what lies on an image without writing anything or keeping anybody from starting. Thread-safe. */
public final class ImageInspector {
    private final Pace pace;

    ImageInspector(Pace pace) {
        this.pace = pace;
    }

    /** As fast as it goes. */
    public ImageInspector() {
        this(Pace.FULL);
    }

    /**
     * Reads the partition table and every filesystem.
     *
     * @param replayJournals see {@link DiskInspector#replayingJournals}
     * @param sectorBytes logical sector size of the guest's disk, 512 or 4096
     * @throws ImageRefusedException if the image cannot be looked at: in use, or a header that is not followed
     */
    public DiskInspection inspect(Path image, ImageFormat format, int sectorBytes, boolean replayJournals)
            throws IOException, ImageRefusedException {
        DiskInspector inspector = replayJournals ? DiskInspector.replayingJournals() : DiskInspector.standard();
        ImageWork.Terms terms = new ImageWork.Terms(true, Optional.empty(), Optional.empty(), pace);
        try (ImageWork work = ImageWork.begin(RunDirectory.standard(), image, format, terms, RunOwner.LOOKER);
                ServedDisk disk = work.serveOriginal()) {
            DiskInspection inspection = inspector.inspect(disk.bytes(), "sda", sectorBytes);
            disk.stop();
            return inspection;
        }
    }
}
