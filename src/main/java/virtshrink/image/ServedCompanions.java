package virtshrink.image;

import java.io.IOException;
import java.util.List;
import virtshrink.block.BlockSource;

/** Disks served beside the one that is worked on. */
public final class ServedCompanions implements AutoCloseable {
    private final List<ServedDisk> disks;

    ServedCompanions(List<ServedDisk> disks) {
        this.disks = List.copyOf(disks);
    }

    /** What the guest would see on each, in the order in which they were asked for. */
    public List<BlockSource> bytes() {
        return disks.stream().map(ServedDisk::bytes).toList();
    }

    /** As {@link ServedDisk#stop}, for all of them. */
    public void stop() throws IOException {
        for (ServedDisk disk : disks) {
            disk.stop();
        }
    }

    @Override
    public void close() {
        disks.forEach(ServedDisk::close);
    }
}
