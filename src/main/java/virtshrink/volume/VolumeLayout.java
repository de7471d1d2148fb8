package virtshrink.volume;

import java.util.List;

/** How a disk is divided. */
public sealed interface VolumeLayout {
    /** {@code gpt}, {@code mbr}, {@code none}, or a foreign table as {@code blkid(8)} names it ({@code bsd}, {@code mac}, …). */
    String kind();

    /**
     * A valid partition table.
     *
     * @param kind {@code gpt} or {@code mbr}
     * @param volumes in the order of their place; they lie within the disk and never overlap; containers of logical partitions are not
     *     among them
     */
    record Table(String kind, List<Volume> volumes) implements VolumeLayout {
        public Table {
            volumes = List.copyOf(volumes);
        }
    }

    /** No partition table: the disk is one volume, or empty. */
    record None() implements VolumeLayout {
        @Override
        public String kind() {
            return "none";
        }
    }

    /**
     * A table that is broken, ambiguous or of a kind that forbids to touch any part of the disk.
     *
     * @param reason for the administrator, without a full stop
     */
    record Refused(String kind, String reason) implements VolumeLayout {}
}
