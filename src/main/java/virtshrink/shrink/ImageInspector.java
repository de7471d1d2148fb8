package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Path;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.inspect.DiskInspection;

/** Looks into an image without writing anything. */
public final class ImageInspector {
    /**
     * What lies on the disk.
     *
     * @throws ImageRefusedException if the image is one that is left alone
     */
    @SuppressWarnings("DoNotCallSuggester") // until it is written
    public DiskInspection inspect(Path image, ImageFormat format, int sectorBytes)
            throws IOException, ImageRefusedException {
        throw new UnsupportedOperationException("being written: " + image);
    }
}
