package virtshrink.shrink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/**
 * Stands for all that an inspection says, in a few bytes: whether two of them are equal can be told without keeping either, and there may be
 * half a million free ranges in each.
 */
record InspectionDigest(String sha256) {
    static InspectionDigest of(DiskInspection inspection) {
        Sum sum = new Sum();
        sum.add(inspection.virtualBytes());
        sum.add(inspection.partitionTable());
        sum.add(inspection.doubt().toString());
        sum.add(inspection.refusal().toString());
        for (FilesystemFinding finding : inspection.filesystems()) {
            sum.add(finding.device());
            sum.add(finding.place().startBytes());
            sum.add(finding.place().lengthBytes());
            add(sum, finding.identity());
            add(sum, finding.state());
            add(sum, finding.onDisk());
            add(sum, finding.freeOnDisk());
        }
        return new InspectionDigest(sum.text());
    }

    private static void add(Sum sum, FilesystemIdentity identity) {
        sum.add(identity.type());
        sum.add(identity.label());
        sum.add(identity.uuid());
        sum.add(identity.blockBytes());
        sum.add(identity.totalBytes());
    }

    private static void add(Sum sum, FilesystemState state) {
        sum.add(state.getClass().getName());
        sum.add(state.reasonText());
        if (state instanceof FilesystemState.FreeSpace space) {
            sum.add(space.freeBytes());
            sum.add(space.replayed().toString());
            sum.add(space.marksUse() ? 1 : 0);
            add(sum, space.free());
        }
    }

    private static void add(Sum sum, RangeSet ranges) {
        sum.add(ranges.size());
        for (ByteRange range : ranges) {
            sum.add(range.startBytes());
            sum.add(range.lengthBytes());
        }
    }

    /** Texts with their lengths, so that none runs into the next. */
    private static final class Sum {
        private final MessageDigest digest = sha256();
        private final ByteBuffer number = ByteBuffer.allocate(Long.BYTES);

        void add(long value) {
            digest.update(number.putLong(0, value).rewind());
        }

        void add(String text) {
            byte[] bytes = text.getBytes(UTF_8);
            add(bytes.length);
            digest.update(bytes);
        }

        String text() {
            return HexFormat.of().formatHex(digest.digest());
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException impossible) {
                throw new IllegalStateException("every Java has SHA-256", impossible);
            }
        }
    }
}
