package virtshrink.image;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * What {@code qemu-img info} says of an image.
 *
 * @param virtualBytes size of the guest's disk
 * @param clusterBytes empty for formats without
 * @param bitmaps in the image's order
 */
public record ImageInfo(long virtualBytes, OptionalLong clusterBytes, List<PersistentBitmap> bitmaps) {
    private static final int MOST_BITMAPS = 65535;

    public ImageInfo {
        bitmaps = List.copyOf(bitmaps);
    }

    static ImageInfo of(QemuAnswer answer) throws ToolFailedException {
        OptionalLong cluster =
                answer.has("cluster-size") ? OptionalLong.of(answer.count("cluster-size")) : OptionalLong.empty();
        return new ImageInfo(answer.count("virtual-size"), cluster, bitmaps(answer));
    }

    private static List<PersistentBitmap> bitmaps(QemuAnswer answer) throws ToolFailedException {
        List<PersistentBitmap> bitmaps = new ArrayList<>();
        QemuAnswer nothing = answer;
        QemuAnswer specific = answer.object("format-specific").orElse(nothing);
        for (QemuAnswer bitmap : specific.object("data").orElse(nothing).objects("bitmaps")) {
            List<String> flags = bitmap.texts("flags");
            long granularity = bitmap.count("granularity");
            if (Long.bitCount(granularity) != 1 || bitmaps.size() == MOST_BITMAPS) {
                throw bitmap.absurd("granularity", granularity);
            }
            bitmaps.add(new PersistentBitmap(
                    bitmap.text("name"), granularity, flags.contains("auto"), flags.contains("in-use")));
        }
        return bitmaps;
    }
}
