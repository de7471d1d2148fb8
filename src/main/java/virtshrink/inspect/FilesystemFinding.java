package virtshrink.inspect;

import java.util.OptionalLong;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;

/**
 * One volume of a disk and what was found in it.
 *
 * @param device as Linux names it in the guest: {@code sda}, {@code sda1}, …
 * @param place where the volume lies on the disk
 */
public record FilesystemFinding(String device, ByteRange place, FilesystemIdentity identity, FilesystemState state) {
    /** Proven free ranges, from the start of the disk. */
    public RangeSet freeOnDisk() {
        return state instanceof FilesystemState.FreeSpace space
                ? space.free().shift(place.startBytes())
                : RangeSet.empty();
    }

    /** The filesystem's own count of free bytes, where it could be proven. */
    public OptionalLong freeBytes() {
        return state instanceof FilesystemState.FreeSpace space
                ? OptionalLong.of(space.freeBytes())
                : OptionalLong.empty();
    }

    /** The same volume in another state, such as a swap area beside a dirty filesystem. */
    public FilesystemFinding withState(FilesystemState other) {
        return new FilesystemFinding(device, place, identity, other);
    }
}
