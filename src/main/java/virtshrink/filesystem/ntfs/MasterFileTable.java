package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/** {@code $MFT}: the table of file records, which begins with its own. Not thread-safe. */
final class MasterFileTable {
    static final int MFT = 0;
    static final int MFT_MIRR = 1;
    static final int LOG_FILE = 2;
    static final int VOLUME = 3;
    static final int ROOT = 5;
    static final int BITMAP = 6;
    static final int BOOT = 7;

    private static final String STRUCTURE = "$MFT";

    private final BlockSource volume;
    private final NtfsBootSector boot;
    private final RunList runs = new RunList(STRUCTURE);
    private Optional<AttributeStream> data = Optional.empty();

    private MasterFileTable(BlockSource volume, NtfsBootSector boot) {
        this.volume = volume;
        this.boot = boot;
    }

    /**
     * Finds all pieces of the table. Where its runs need several file records, each of them lies in a piece that those before it describe.
     *
     * @throws CorruptStructureException if it cannot be found
     */
    static MasterFileTable open(BlockSource volume, NtfsBootSector boot) throws IOException {
        MasterFileTable table = new MasterFileTable(volume, boot);
        long offsetBytes = boot.mftLcn() * boot.clusterBytes();
        CorruptStructureException.verify(
                offsetBytes <= volume.sizeBytes() - boot.fileRecordBytes(),
                STRUCTURE,
                offsetBytes,
                "no room for a file record of %d bytes in a volume of %d"
                        .formatted(boot.fileRecordBytes(), volume.sizeBytes()));
        FileRecord own = FileRecord.parse(volume.read(offsetBytes, boot.fileRecordBytes()), MFT, offsetBytes);
        NtfsFile file = NtfsFile.open(STRUCTURE, own, table::record, volume, boot);
        AttributeStream data = file.attribute(AttributeRecord.DATA, "", table.runs)
                .orElseThrow(() -> own.bytes().corrupt(0, "$MFT has no data"));
        boolean usable = !data.isResident()
                && !data.isCompressedOrEncrypted()
                && !data.isSparse()
                && data.initialisedBytes() >= 16L * boot.fileRecordBytes()
                && table.runs.lcn(0) == boot.mftLcn()
                && table.runs.length(0) * boot.clusterBytes() >= boot.fileRecordBytes();
        if (!usable) {
            throw own.bytes().corrupt(0, "$MFT does not describe itself");
        }
        table.data = Optional.of(data);
        return table;
    }

    BlockSource volume() {
        return volume;
    }

    NtfsBootSector boot() {
        return boot;
    }

    /** The records as bytes, one after another. */
    AttributeStream data() {
        return data.orElseThrow();
    }

    /** Number of records that were ever written. */
    long records() {
        return data().initialisedBytes() / boot.fileRecordBytes();
    }

    /** @throws CorruptStructureException if there is no such record, or what is there is none */
    FileRecord record(long number) throws IOException {
        long known = data.map(AttributeStream::initialisedBytes).orElse(runs.clusters() * boot.clusterBytes());
        int length = boot.fileRecordBytes();
        if (number >= known / length) {
            throw new CorruptStructureException(STRUCTURE, 0, "file record %d of %d".formatted(number, known / length));
        }
        AttributeStream readable = data.orElseGet(() -> AttributeStream.inClusters(STRUCTURE, runs, 0, known, known));
        ByteBuffer record = ByteBuffer.allocate(length);
        readable.read(volume, boot.clusterBytes(), number * length, record);
        return FileRecord.parse(record.flip(), number, number * length);
    }

    /** @param name for messages */
    NtfsFile file(long number, String name) throws IOException {
        return NtfsFile.open(name, record(number), this::record, volume, boot);
    }

    /** Reads a piece of an attribute into a new buffer. */
    ByteBuffer read(AttributeStream stream, long offsetBytes, int lengthBytes) throws IOException {
        ByteBuffer piece = ByteBuffer.allocate(lengthBytes);
        stream.read(volume, boot.clusterBytes(), offsetBytes, piece);
        return piece.flip();
    }
}
