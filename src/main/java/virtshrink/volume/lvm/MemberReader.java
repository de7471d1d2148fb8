package virtshrink.volume.lvm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;

/**
 * Reads labels and metadata areas. The copies of one text on several physical volumes are read, and their checksums verified, but only one is
 * parsed. Not thread-safe.
 */
final class MemberReader {
    /** A volume group of thousands of logical volumes. */
    static final int MOST_TEXT_BYTES = 4 << 20;

    /** For the texts that differ, all together. */
    static final int MOST_TEXTS_BYTES = 12 << 20;
    /** In all of them together: what is kept of a short name takes ten times its length. */
    private static final int MOST_TEXTS_ITEMS = 600_000;
    /** As many as {@code pvcreate} makes. */
    private static final int MOST_AREAS = 2;

    private final Map<ByteBuffer, VolumeGroup> parsed = new HashMap<>();
    private int parsedBytes;
    private int parsedItems;

    LvmMember read(BlockSource volume) throws IOException {
        PvHeader header;
        try {
            header = PvHeader.read(volume);
        } catch (CorruptStructureException broken) {
            return new LvmMember(volume, Optional.empty(), List.of(), false, corrupt(broken));
        }
        List<VolumeGroup> groups = new ArrayList<>();
        boolean empty = false;
        Optional<LeftAlone> problem = Optional.empty();
        if (header.metadataAreas().size() > MOST_AREAS) {
            problem = LeftAlone.unsupported("physical volume with %d metadata areas"
                    .formatted(header.metadataAreas().size()));
        }
        for (ByteRange place : header.metadataAreas()) {
            if (problem.isPresent()) {
                break;
            }
            try {
                MdaHeader area = MdaHeader.read(volume, place);
                empty |= !area.ignored() && area.committed().isEmpty();
                problem = readArea(volume, area, groups);
            } catch (CorruptStructureException broken) {
                problem = corrupt(broken);
            }
        }
        return new LvmMember(volume, Optional.of(header), groups, empty, problem);
    }

    /** @return why the area cannot be believed */
    private Optional<LeftAlone> readArea(BlockSource volume, MdaHeader header, List<VolumeGroup> groups)
            throws IOException {
        if (header.changing()) {
            return LeftAlone.unsupported("a change of the volume group was begun and is not finished");
        }
        if (header.ignored() || header.committed().isEmpty()) {
            return Optional.empty();
        }
        MdaHeader.RawLocn locn = header.committed().get();
        if (locn.size() > MOST_TEXT_BYTES) {
            return LeftAlone.unsupported("volume group metadata of %d bytes, more than %d are not supported"
                    .formatted(locn.size(), MOST_TEXT_BYTES));
        }
        byte[] text = header.readText(volume, locn);
        VolumeGroup known = parsed.get(ByteBuffer.wrap(text));
        if (known != null) {
            groups.add(known);
            return Optional.empty();
        }
        int items = items(text);
        if (text.length > MOST_TEXTS_BYTES - parsedBytes || items > MOST_TEXTS_ITEMS - parsedItems) {
            return LeftAlone.unsupported("more volume group metadata than is looked at");
        }
        parsedBytes += text.length;
        parsedItems += items;
        VolumeGroup group = VolumeGroupText.parse(text);
        parsed.put(ByteBuffer.wrap(text), group);
        groups.add(group);
        return Optional.empty();
    }

    /** A measure of how many names and values a text has; never less than half of them. */
    private static int items(byte[] text) {
        int items = 0;
        for (byte next : text) {
            if (next == '=' || next == '{' || next == ',') {
                items++;
            }
        }
        return Math.min(items, ConfigParser.MOST_TOKENS);
    }

    private static Optional<LeftAlone> corrupt(CorruptStructureException broken) {
        return LeftAlone.corrupt(Objects.requireNonNull(broken.getMessage()));
    }
}
