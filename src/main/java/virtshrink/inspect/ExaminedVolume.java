package virtshrink.inspect;

import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.filesystem.FilesystemReport;

/**
 * A partition, or a disk without partitions, and what was seen in it.
 *
 * @param device as Linux names it
 * @param place where it lies on its disk
 * @param source its bytes
 * @param purpose what its partition type says it is for, where that is no filesystem
 */
record ExaminedVolume(
        String device,
        ByteRange place,
        BlockSource source,
        VolumeExaminer.Examination examination,
        Optional<String> purpose) {
    ExaminedVolume withReport(FilesystemReport report) {
        return new ExaminedVolume(
                device,
                place,
                source,
                new VolumeExaminer.Examination(report, examination.coversFreeBlocks(), examination.physicalVolume()),
                purpose);
    }
}
