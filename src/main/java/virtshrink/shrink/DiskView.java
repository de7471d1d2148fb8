package virtshrink.shrink;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.image.ImageWork;
import virtshrink.image.ServedCompanions;
import virtshrink.image.ServedDisk;
import virtshrink.inspect.ClosedVolumes;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.DiskInspector;
import virtshrink.inspect.GuestDisk;

/**
 * How a run looks at its disk, before it changes anything and after: with the companions that it cannot be understood without, or by itself.
 *
 * @param work that holds the disk and its companions
 * @param inspector that reads it, always the same
 * @param companions in the order in which the work has them
 * @param cancellation ends a look at its next read
 */
record DiskView(
        ImageWork work,
        ShrinkRequest request,
        DiskInspector inspector,
        List<ShrinkRequest> companions,
        Cancellation cancellation) {
    /** What lies on the disk, or on one that claims to be the same. */
    DiskInspection inspect(ServedDisk served) throws IOException {
        GuestDisk disk = guestDisk(served.bytes(), request, cancellation);
        if (companions.isEmpty()) {
            return inspector.inspect(disk.source(), disk.name(), disk.sectorBytes());
        }
        try (ServedCompanions others = work.serveCompanions()) {
            List<GuestDisk> disks = new ArrayList<>(List.of(disk));
            for (int i = 0; i < companions.size(); i++) {
                disks.add(guestDisk(others.bytes().get(i), companions.get(i), cancellation));
            }
            DiskInspection inspection = inspector.inspectTogether(disks).get(0);
            others.stop();
            return inspection;
        }
    }

    /** Why journals are not replayed although the request asks for it; empty if they are, or if it does not. */
    static Optional<String> whyNoReplay(ShrinkRequest request) {
        return request.replayJournals() ? request.guard().whyNoReplay() : Optional.empty();
    }

    /** @param mounts whether what has no reader is mounted, so that it has to be asked whether it was closed */
    static DiskInspector inspector(boolean replaysJournals, boolean mounts) {
        return inspector(replaysJournals, mounts ? Mounting.OF_HOST.closedVolumes() : ClosedVolumes.NONE);
    }

    static DiskInspector inspector(boolean replaysJournals, ClosedVolumes closedVolumes) {
        return DiskInspector.asking(closedVolumes, replaysJournals);
    }

    static boolean mounts(ShrinkRequest request) {
        return request.filler() == ShrinkRequest.Filler.MOUNT;
    }

    static GuestDisk guestDisk(BlockSource bytes, ShrinkRequest request, Cancellation cancellation) {
        return new GuestDisk(
                new CancellableSource(bytes, cancellation), request.target().orElse("sda"), request.sectorBytes());
    }
}
