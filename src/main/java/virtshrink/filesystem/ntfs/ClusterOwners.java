package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.Bitmap;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * Holds what is called free against every file of the volume. {@code $Bitmap} has no checksum: this is what its bits can be proven with.
 */
final class ClusterOwners {
    /** Four million files of the usual record size. What lies behind is not looked at. */
    static final long MOST_TABLE_BYTES = 4L << 30;

    private static final int PIECE_BYTES = 1 << 20;

    private final MasterFileTable mft;
    private final RangeSet free;
    private ClusterSum owned = ClusterSum.NONE;

    private ClusterOwners(MasterFileTable mft, RangeSet free) {
        this.mft = mft;
        this.free = free;
    }

    /**
     * @param free what must belong to nobody
     * @return the clusters that all files own together; empty if the table is too long to be read to its end
     * @throws CorruptStructureException if a file owns what is called free, or cannot be understood
     */
    static Optional<ClusterSum> sum(MasterFileTable mft, RangeSet free) throws IOException {
        ClusterOwners owners = new ClusterOwners(mft, free);
        int recordBytes = mft.boot().fileRecordBytes();
        long records = Math.min(mft.records(), MOST_TABLE_BYTES / recordBytes);
        Bitmap inUse = owners.recordsInUse(records);
        int atOnce = PIECE_BYTES / recordBytes;
        for (long first = 0; first < records; first += atOnce) {
            int count = (int) Math.min(atOnce, records - first);
            ByteBuffer piece = mft.read(mft.data(), first * recordBytes, count * recordBytes);
            for (int i = 0; i < count; i++) {
                long number = first + i;
                owners.check(piece.slice(i * recordBytes, recordBytes), number, inUse.isSet((int) number));
            }
        }
        return records == mft.records() ? Optional.of(owners.owned) : Optional.empty();
    }

    private Bitmap recordsInUse(long records) throws IOException {
        NtfsFile file = mft.file(MasterFileTable.MFT, "$MFT");
        AttributeStream bitmap = file.attribute(AttributeRecord.BITMAP, "")
                .orElseThrow(() -> file.base().bytes().corrupt(0, "$MFT has no bitmap"));
        int bytes = (int) ((records + 7) / 8);
        if (bitmap.isCompressedOrEncrypted() || bitmap.dataBytes() < bytes) {
            throw file.base()
                    .bytes()
                    .corrupt(0, "bitmap of %d bytes for %d file records".formatted(bitmap.dataBytes(), records));
        }
        return new Bitmap(mft.read(bitmap, 0, bytes), (int) records);
    }

    /** @param allocated whether the bitmap of {@code $MFT} says that the record is in use */
    private void check(ByteBuffer bytes, long number, boolean allocated) {
        // What no one uses may be anything: never written, or left over.
        if (!allocated && !FileRecord.looksInUse(bytes)) {
            return;
        }
        FileRecord record = FileRecord.parse(bytes, number, number * bytes.remaining());
        if (!record.isInUse()) {
            return;
        }
        if (!allocated) {
            throw record.bytes()
                    .corrupt(0x16, "file record %d is in use, the bitmap of $MFT denies it".formatted(number));
        }
        for (AttributeRecord attribute : record.attributes()) {
            if (attribute.nonResident()) {
                attribute.forEachRun(mft.boot().clusters(), (lcn, length) -> own(record, attribute, lcn, length));
            }
        }
    }

    private void own(FileRecord record, AttributeRecord attribute, long lcn, long length) {
        if (lcn == MappingPairs.HOLE) {
            return;
        }
        long clusterBytes = mft.boot().clusterBytes();
        if (free.overlaps(new ByteRange(lcn * clusterBytes, length * clusterBytes))) {
            throw record.bytes()
                    .corrupt(
                            attribute.at(),
                            "file record %d owns %d clusters from %d, of which $Bitmap calls some free"
                                    .formatted(record.number(), length, lcn));
        }
        owned = owned.plus(lcn, length);
    }
}
