package virtshrink.image;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A qcow2 file that stands on an image and takes what is written, so that the image is not. It grows by metadata only as long as zeros are
 * all that is written.
 */
final class Overlay {
    private static final long PLAIN_CLUSTER_BYTES = 64 * 1024;
    private static final long MOST_CLUSTER_BYTES = 2 * 1024 * 1024;
    private static final int SUBCLUSTERS = 32;

    private Overlay() {}

    /**
     * Makes an empty overlay in a file that exists already.
     *
     * @param chain what it stands on, topmost first
     * @param unitBytes runs of zeros this long, and aligned to it, must not cost data
     * @return the overlay over exactly these files
     */
    static ImageNode create(
            QemuImg qemuImg, ReplacementFile file, List<ChainElement> chain, long virtualBytes, long unitBytes)
            throws IOException {
        ChainElement below = chain.get(0);
        qemuImg.create(
                file.path(),
                ImageFormat.QCOW2,
                options(unitBytes),
                Optional.of(new BackingReference(below.file().toString(), below.format())),
                OptionalLong.of(virtualBytes));
        return ImageNode.of(file.path(), ImageFormat.QCOW2).over(ImageNode.chain(chain));
    }

    /** Small units by subclusters: an eighth of the metadata that clusters of that size would take. */
    static List<String> options(long unitBytes) {
        List<String> options = new ArrayList<>(List.of("compat=1.1"));
        if (unitBytes >= PLAIN_CLUSTER_BYTES) {
            options.add("cluster_size=" + Math.min(unitBytes, MOST_CLUSTER_BYTES));
        } else {
            options.add("cluster_size=" + unitBytes * SUBCLUSTERS);
            options.add("extended_l2=on");
        }
        return options;
    }
}
