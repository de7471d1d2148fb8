package virtshrink.inspect;

import java.io.IOException;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/** Knows the ext magic number and nothing else, and answers what a test wants. */
final class ExtStandIn implements FreeSpaceReader {
    private final FilesystemState answer;
    private final long totalBytes;

    ExtStandIn(FilesystemState answer, long totalBytes) {
        this.answer = answer;
        this.totalBytes = totalBytes;
    }

    static ExtStandIn naming() {
        return new ExtStandIn(new FilesystemState.Unsupported("a stand-in"), 0);
    }

    static ExtStandIn freeing(long startBytes, long lengthBytes, long totalBytes) {
        return new ExtStandIn(
                new FilesystemState.FreeSpace(lengthBytes, RangeSet.of(new ByteRange(startBytes, lengthBytes))),
                totalBytes);
    }

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return volume.sizeBytes() >= 2048 && volume.read(1024 + 56, 2).getShort() == 0x53EF;
    }

    @Override
    public FilesystemReport read(BlockSource volume) {
        return new FilesystemReport(new FilesystemIdentity("ext4", "", "", 4096, totalBytes), answer);
    }
}
