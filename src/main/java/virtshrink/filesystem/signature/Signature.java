package virtshrink.filesystem.signature;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;

/**
 * One format and the marks it is known by.
 *
 * @param type as {@code blkid(8)} spells it
 * @param title for people
 * @param marks any one of them is enough
 */
record Signature(String type, String title, List<Mark> marks) {
    /** Something that may be found at one or several places of a volume. */
    interface Mark {
        /** What was found; empty if this is not that format. Its type is filled in by the caller. */
        Optional<Details> find(VolumeWindow volume) throws IOException;
    }

    /** A second look at what carries the magic number. */
    interface Check {
        boolean holds(VolumeWindow volume, long offsetBytes) throws IOException;
    }

    /** Reads name and measure of a format whose signature stands at the offset. */
    interface Naming {
        Details read(VolumeWindow volume, long offsetBytes) throws IOException;
    }

    /** A place that depends on the size of the volume. */
    interface Place {
        long offsetBytes(VolumeWindow volume);
    }

    /** See {@link FilesystemIdentity}. */
    record Details(String label, String uuid, long blockBytes, long totalBytes) {
        static final Details NONE = new Details("", "", 0, 0);

        static Details named(String label, String uuid) {
            return new Details(label, uuid, 0, 0);
        }
    }

    static Signature of(String type, String title, Mark... marks) {
        return new Signature(type, title, List.of(marks));
    }

    Optional<FilesystemIdentity> find(VolumeWindow volume) throws IOException {
        for (Mark mark : marks) {
            Optional<Details> details = mark.find(volume);
            if (details.isPresent()) {
                Details found = details.get();
                return Optional.of(new FilesystemIdentity(
                        type, found.label(), found.uuid(), found.blockBytes(), found.totalBytes()));
            }
        }
        return Optional.empty();
    }

    /**
     * A magic number at a fixed place, counted from the start of the volume.
     *
     * @param magic one byte a character
     */
    static Magic at(long offsetBytes, String magic) {
        return at(volume -> offsetBytes, magic);
    }

    /** As above, with a place that is computed. */
    static Magic at(Place structure, String magic) {
        return new Magic(structure, 0, magic, (volume, offset) -> true, (volume, offset) -> Details.NONE);
    }

    /** A magic number that is no text. */
    static String bytes(int... values) {
        StringBuilder magic = new StringBuilder();
        Arrays.stream(values).forEach(value -> magic.append((char) value));
        return magic.toString();
    }

    /** The same mark at several places. */
    static Mark[] atAny(Function<Long, Mark> mark, long... offsetsBytes) {
        return Arrays.stream(offsetsBytes).boxed().map(mark).toArray(Mark[]::new);
    }

    static Mark[] join(Mark[]... marks) {
        return Arrays.stream(marks).flatMap(Arrays::stream).toArray(Mark[]::new);
    }

    /** The start of the last so many whole sectors of 512 bytes, as RAID controllers count. */
    static Place sectorsBeforeEnd(int sectors) {
        return volume -> (volume.units(512) - sectors) * 512;
    }

    /**
     * A magic number, and perhaps more, in a structure.
     *
     * @param structure where the structure begins; negative places are outside of the volume and never match
     * @param check gets the place of the structure, as does {@code naming}
     */
    record Magic(Place structure, int offsetInStructure, String magic, Check check, Naming naming) implements Mark {
        /** The same magic number further inside of the structure. */
        Magic in(int offsetBytes) {
            return new Magic(structure, offsetBytes, magic, check, naming);
        }

        Magic when(Check condition) {
            return new Magic(structure, offsetInStructure, magic, condition, naming);
        }

        /** A condition on the first bytes of the structure. */
        Magic when(int lengthBytes, Predicate<StructureBytes> condition) {
            return when((volume, offset) -> condition.test(volume.at(offset, lengthBytes)));
        }

        Magic named(Naming reader) {
            return new Magic(structure, offsetInStructure, magic, check, reader);
        }

        @Override
        public Optional<Details> find(VolumeWindow volume) throws IOException {
            long offset = structure.offsetBytes(volume);
            if (offset < 0 || !volume.matches(offset + offsetInStructure, magic) || !check.holds(volume, offset)) {
                return Optional.empty();
            }
            return Optional.of(naming.read(volume, offset));
        }
    }
}
