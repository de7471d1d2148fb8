package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/**
 * Reads NTFS.
 *
 * <p>The format has no checksums: only update sequence numbers that tell a structure written in part. So free space is proven by
 * contradiction. The copies of the boot sector and of the first file records must agree, the volume must not be marked dirty, its log must
 * be closed by Windows or empty, no Windows may be hibernated on it, no shadow copies may be there, and no file record that is in use may
 * own a cluster that {@code $Bitmap} calls free. Where the log is empty, nothing but its absence of errors shows that a driver other than
 * Windows' own has finished with the volume: then {@code $Bitmap} must also have exactly those clusters in use that the files own.
 *
 * <p>ntfs-3g marks nothing while it has a volume mounted, and what it has not written yet cannot be told from what never was. So a volume
 * with an empty log says of itself that it does not mark its use.
 *
 * <p>The free ranges are exact unless there are more than half a million; then the shortest are missing. Thread-safe, without state.
 */
public final class NtfsReader implements FreeSpaceReader {
    private static final String TYPE = "ntfs";
    private static final int MIRRORED_RECORDS = 4;

    /** Windows makes 2<sup>32</sup> at most. The bitmap of so many has 8 GiB, which is read in seconds, were it all holes of the image. */
    private static final long MOST_CLUSTERS = 1L << 36;

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return volume.sizeBytes() >= NtfsBootSector.LENGTH_BYTES
                && volume.read(NtfsBootSector.OEM_ID_AT, 8)
                                .order(ByteOrder.LITTLE_ENDIAN)
                                .getLong()
                        == NtfsBootSector.OEM_ID;
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType(TYPE);
        try {
            NtfsBootSector boot = bootSector(volume, 0, NtfsBootSector.LENGTH_BYTES);
            identity = new FilesystemIdentity(TYPE, "", boot.uuid(), boot.clusterBytes(), boot.totalBytes());
            if (boot.totalBytes() > volume.sizeBytes()) {
                throw new CorruptStructureException(
                        NtfsBootSector.STRUCTURE,
                        0x28,
                        "%d bytes in a volume of %d".formatted(boot.totalBytes(), volume.sizeBytes()));
            }
            MasterFileTable mft = MasterFileTable.open(volume, boot);
            VolumeInformation information = VolumeInformation.read(mft);
            identity = new FilesystemIdentity(
                    TYPE, information.label(), boot.uuid(), boot.clusterBytes(), boot.totalBytes());
            return new FilesystemReport(identity, judge(mft, information));
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static NtfsBootSector bootSector(BlockSource volume, long offsetBytes, int lengthBytes) throws IOException {
        return NtfsBootSector.parse(
                new StructureBytes(NtfsBootSector.STRUCTURE, offsetBytes, volume.read(offsetBytes, lengthBytes)));
    }

    private static FilesystemState judge(MasterFileTable mft, VolumeInformation information) throws IOException {
        // Hibernation concerns the whole guest, so it is asked first; then what concerns its other filesystems.
        Optional<String> hibernated = HibernationFile.whyHibernated(mft);
        if (hibernated.isPresent()) {
            return new FilesystemState.Hibernated(hibernated.get());
        }
        AttributeStream logData = mft.file(MasterFileTable.LOG_FILE, "$LogFile").data();
        LogFile log = LogFile.read(mft, logData);
        Optional<String> dirty = information.whyDirty().or(log::whyDirty);
        if (dirty.isPresent()) {
            return new FilesystemState.Dirty(dirty.get());
        }
        Optional<String> unsupported = information.whyUnsupported();
        if (unsupported.isEmpty() && mft.boot().clusters() > MOST_CLUSTERS) {
            unsupported = Optional.of("%d clusters, more than %d are not supported"
                    .formatted(mft.boot().clusters(), MOST_CLUSTERS));
        }
        if (unsupported.isEmpty()) {
            unsupported = ShadowCopies.find(mft.volume());
        }
        if (unsupported.isPresent()) {
            return new FilesystemState.Unsupported(unsupported.get());
        }
        compareCopies(mft);
        return freeSpace(mft, log);
    }

    private static FilesystemState freeSpace(MasterFileTable mft, LogFile log) throws IOException {
        NtfsBootSector boot = mft.boot();
        AttributeStream bitmap = mft.file(MasterFileTable.BITMAP, "$Bitmap").data();
        if (bitmap.isCompressedOrEncrypted() || bitmap.isSparse()) {
            return new FilesystemState.Unsupported("$Bitmap is compressed, encrypted or sparse");
        }
        if (bitmap.initialisedBytes() != bitmap.dataBytes()) {
            return new FilesystemState.Unsupported("$Bitmap is not fully initialised");
        }
        FreeClusters clusters = FreeClusters.read(mft, bitmap);
        Optional<ClusterSum> owned = ClusterOwners.sum(mft, clusters.free());
        ClusterSum used = clusters.sum().within(ClusterSum.NONE.plus(0, boot.clusters()));
        if (log.empty() && owned.isPresent() && !owned.get().equals(used)) {
            return new FilesystemState.Dirty(
                    "%d clusters are in use, files own %d, and not the same ones: not cleanly dismounted, or chkdsk is due"
                            .formatted(used.count(), owned.get().count()));
        }
        RangeSet copy = RangeSet.of(new ByteRange(boot.copyAt(), NtfsBootSector.LENGTH_BYTES));
        return new FilesystemState.FreeSpace(
                clusters.sum().count() * boot.clusterBytes(),
                clusters.free().subtract(copy),
                Optional.empty(),
                !log.empty());
    }

    /** The redundant structures of the format. */
    private static void compareCopies(MasterFileTable mft) throws IOException {
        NtfsBootSector boot = mft.boot();
        BlockSource volume = mft.volume();
        if (boot.totalBytes() > volume.sizeBytes() - boot.bytesPerSector()) {
            throw new CorruptStructureException(
                    NtfsBootSector.STRUCTURE, 0x28, "no room for the copy of the boot sector behind the last cluster");
        }
        boot.contradictedBy(bootSector(volume, boot.copyAt(), NtfsBootSector.FIELDS_BYTES))
                .ifPresent(reason -> {
                    throw new CorruptStructureException(NtfsBootSector.STRUCTURE, boot.copyAt(), reason);
                });
        AttributeStream mirror = mft.file(MasterFileTable.MFT_MIRR, "$MFTMirr").data();
        if (mirror.isResident() || mirror.runs().size() == 0 || mirror.runs().lcn(0) != boot.mftMirrLcn()) {
            throw new CorruptStructureException("$MFTMirr", 0, "not where the boot sector says that it is");
        }
        int recordBytes = boot.fileRecordBytes();
        for (int number = 0; number < MIRRORED_RECORDS; number++) {
            long offsetBytes = (long) number * recordBytes;
            ByteBuffer copy = mft.read(mirror, offsetBytes, recordBytes);
            FileRecord record = mft.record(number);
            if (!FileRecord.parse(copy, number, offsetBytes).hasSameContentAs(record)) {
                throw new CorruptStructureException(
                        "$MFTMirr", offsetBytes, "the copy of file record %d differs".formatted(number));
            }
        }
    }
}
