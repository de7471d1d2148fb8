package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import virtshrink.os.FileStatus;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;
import virtshrink.os.PhysicalExtent;

/**
 * Whether somebody reserved all of an image's space on purpose, so that giving it back would undo what he wanted. A disk that merely was full
 * once looks almost the same, and is the very case to be shrunk, so the marks are narrow.
 */
final class Preallocation {
    private Preallocation() {}

    /**
     * {@code preallocation=falloc} or {@code full}: every single cluster has its place, in order, and every block below is there. A guest that
     * fills its disk leaves some cluster untouched, and reaches them in no such order; {@code preallocation=metadata} leaves holes.
     */
    static boolean ofQcow2(ImageCheck check, long virtualBytes, FileStatus status) {
        return virtualBytes > 0
                && check.totalClusters() > 0
                && check.allocatedClusters() == check.totalClusters()
                && check.compressedClusters() == 0
                && check.fragmentedClusters() <= check.totalClusters() / 20
                && status.allocatedBytes() >= virtualBytes;
    }

    /**
     * {@code fallocate}: every block is there and some have never been written. A raw disk that was copied block by block is as full but all
     * written.
     */
    static boolean ofRaw(Path image, FileStatus status) throws IOException {
        long size = status.sizeBytes();
        if (size == 0 || status.allocatedBytes() < size) {
            return false;
        }
        try (OpenFile file = OpenFile.readOnly(image)) {
            boolean unwritten = false;
            long end = 0;
            // Every batch moves on; a gap ends the walk.
            while (end < size) {
                List<PhysicalExtent> batch = file.content().extentsFrom(end);
                for (PhysicalExtent extent : batch) {
                    if (extent.logicalBytes() > end) {
                        return false;
                    }
                    unwritten |= extent.unwritten() && extent.logicalBytes() < size;
                    end = Math.max(end, extent.logicalBytes() + extent.lengthBytes());
                }
                if (batch.isEmpty() || batch.get(batch.size() - 1).last()) {
                    break;
                }
            }
            return unwritten && end >= size;
        } catch (OsException e) {
            if (e.isUnsupported()) {
                // No extents can be asked for here: nothing suggests a preallocation.
                return false;
            }
            throw e;
        }
    }
}
