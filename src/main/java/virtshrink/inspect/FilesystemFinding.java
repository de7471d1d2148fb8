package virtshrink.inspect;

import java.util.Optional;
import java.util.OptionalLong;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;

/**
 * One volume that lies on a disk, wholly or in part, and what was found in it. Immutable.
 *
 * @param device as Linux names it in the guest: {@code sda}, {@code sda1}, {@code /dev/VG/LV}, …
 * @param place where the volume lies on the disk. A logical volume need not lie in one piece, nor on one disk: its place begins where the
 *     first of its bytes that are on this disk lie, and is as long as the whole logical volume
 * @param identity of what is in it
 * @param state free ranges in it count from the start of the volume; those of a filesystem that lies on several disks are of all of it
 * @param onDisk every byte of this disk that belongs to the volume; empty for a logical volume that is left alone without being looked into
 * @param freeOnDisk proven free ranges, from the start of this disk, as far as they lie on it
 * @param inOnePiece whether the volume is exactly the bytes of its place, in their order
 */
public record FilesystemFinding(
        String device,
        ByteRange place,
        FilesystemIdentity identity,
        FilesystemState state,
        RangeSet onDisk,
        RangeSet freeOnDisk,
        boolean inOnePiece) {
    public FilesystemFinding {
        if (!freeOnDisk.isEmpty() && !(state instanceof FilesystemState.FreeSpace)) {
            throw new IllegalArgumentException(device + " has free ranges that are not proven");
        }
    }

    /** A volume that lies on the disk in one piece: a partition, or the disk itself. */
    public FilesystemFinding(String device, ByteRange place, FilesystemIdentity identity, FilesystemState state) {
        this(
                device,
                place,
                identity,
                state,
                RangeSet.of(place),
                state instanceof FilesystemState.FreeSpace space
                        ? space.free().shift(place.startBytes())
                        : RangeSet.empty(),
                true);
    }

    /** A volume of which it is not known whether it lies in one piece. */
    public FilesystemFinding(
            String device,
            ByteRange place,
            FilesystemIdentity identity,
            FilesystemState state,
            RangeSet onDisk,
            RangeSet freeOnDisk) {
        this(device, place, identity, state, onDisk, freeOnDisk, false);
    }

    /** The filesystem's own count of free bytes, where it could be proven. */
    public OptionalLong freeBytes() {
        return state instanceof FilesystemState.FreeSpace space
                ? OptionalLong.of(space.freeBytes())
                : OptionalLong.empty();
    }

    /** That a journal was replayed in memory to tell what is free, and how much of it. */
    public Optional<String> replayed() {
        return state instanceof FilesystemState.FreeSpace space ? space.replayed() : Optional.empty();
    }

    /** The same volume in the state in which it is on the disk, where its journal is not to be replayed after all. */
    FilesystemFinding notReplayed(String reason) {
        return new FilesystemFinding(
                device, place, identity, new FilesystemState.Dirty(reason), onDisk, RangeSet.empty(), inOnePiece);
    }

    /** The same volume left alone, such as a swap area beside a dirty filesystem. */
    public FilesystemFinding leftAlone(String reason) {
        return new FilesystemFinding(
                device, place, identity, new FilesystemState.Unsupported(reason), onDisk, RangeSet.empty(), inOnePiece);
    }
}
