package virtshrink.volume.lvm;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** One run of extents of a logical volume. */
sealed interface LvSegment {
    /** First extent in the logical volume. */
    long startExtent();

    long extentCount();

    /** What it takes of physical volumes, and the striped one of logical volumes, directly. */
    List<Area> areas();

    /** Everything that it is built on; there may be other words among them. */
    Set<String> names();

    /** How many extents each of its areas has. */
    long extentsPerArea();

    /**
     * An area of a segment.
     *
     * @param name of a physical volume in this text ({@code pv0}), or of another logical volume
     * @param extent first extent there
     */
    record Area(String name, long extent) {}

    /**
     * Dealt out to its areas in turn; with one area, what people call linear.
     *
     * @param stripeSectors how much each area gets at a time; 0 with one area
     */
    record Striped(long startExtent, long extentCount, long stripeSectors, List<Area> areas) implements LvSegment {
        @Override
        public Set<String> names() {
            return areas.stream().map(Area::name).collect(Collectors.toSet());
        }

        @Override
        public long extentsPerArea() {
            return extentCount / areas.size();
        }
    }

    /**
     * What only device-mapper itself can put together.
     *
     * @param type as lvm2 calls it: {@code thin}, {@code raid1}, {@code snapshot}, …
     * @param areas what it takes of physical volumes directly; each is as long as the segment
     * @param names of everything it is built on
     */
    record Other(long startExtent, long extentCount, String type, List<Area> areas, Set<String> names)
            implements LvSegment {
        @Override
        public long extentsPerArea() {
            return extentCount;
        }
    }
}
