package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.image.ImageRefusedException;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;
import virtshrink.os.StorageDevice;

/**
 * The free space of the host's filesystems, as the runs of this process share it: what one has been promised and not yet written is not promised
 * to another. Thread-safe.
 */
final class HostSpace {
    /** That of this host. */
    static final HostSpace OF_HOST = new HostSpace(HostSpace::look);

    private final Source source;
    private final List<Claim> claims = new ArrayList<>();

    /** Size of a filesystem and what is free there for this user, both in bytes. */
    record Room(long totalBytes, long usableBytes) {}

    /** Looks at filesystems. */
    interface Source {
        Room room(Path directory) throws IOException;
    }

    HostSpace(Source source) {
        this.source = source;
    }

    private static Room look(Path directory) throws IOException {
        FileStore store = Files.getFileStore(directory);
        return new Room(store.getTotalSpace(), store.getUsableSpace());
    }

    /**
     * Sets room aside until the claim is closed.
     *
     * @param file that is to be made or replaced; absolute
     * @param neededBytes an upper bound of what the run writes
     * @throws ImageRefusedException with the figures if that would cut into the reserve
     */
    synchronized Claim claim(Path file, long neededBytes, SpaceReserve reserve)
            throws IOException, ImageRefusedException {
        Path directory = file.resolveSibling(".").normalize();
        Claim claim = new Claim(directory, StorageDevice.of(directory), neededBytes, reserve);
        Room room = source.room(directory);
        long kept = reserve.bytesOf(room.totalBytes());
        long promised = 0;
        for (Claim other : claims) {
            promised += other.device.equals(claim.device) ? other.leftBytes() : 0;
        }
        if (room.usableBytes() - kept - promised < neededBytes) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_SPACE,
                    "too little space in %s: the new file may take %d MiB, %d MiB are free and %d MiB of them are kept in reserve%s"
                            .formatted(
                                    directory,
                                    mebibytes(neededBytes),
                                    room.usableBytes() >> 20,
                                    kept >> 20,
                                    promised == 0 ? "" : ", %d MiB for other runs".formatted(mebibytes(promised))));
        }
        claims.add(claim);
        return claim;
    }

    /**
     * When others have taken what was free, the last run that came goes first, and the one before it only if that was not enough. Only those that
     * are writing count: one that has written everything would not be there to go.
     */
    private synchronized Optional<String> whyUndercut(Claim claim) throws IOException {
        Room room = source.room(claim.directory);
        long kept = claim.reserve.bytesOf(room.totalBytes());
        boolean isLast = claims.stream()
                .filter(other -> other.device.equals(claim.device) && other.state == State.WRITING)
                .reduce((one, later) -> later)
                .filter(claim::equals)
                .isPresent();
        return room.usableBytes() < kept && isLast
                ? Optional.of("the free space in %s fell below the reserve: %d MiB are left of %d MiB"
                        .formatted(claim.directory, room.usableBytes() >> 20, kept >> 20))
                : Optional.empty();
    }

    private synchronized void end(Claim claim) {
        claims.remove(claim);
    }

    /** How far the one who holds a claim is. */
    private enum State {
        BEFORE,
        WRITING,
        WRITTEN
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }

    /** Room that is set aside. */
    final class Claim implements AutoCloseable {
        private final Path directory;
        private final StorageDevice device;
        private final long neededBytes;
        private final SpaceReserve reserve;
        private Optional<Path> written = Optional.empty();
        private State state = State.BEFORE;

        private Claim(Path directory, StorageDevice device, long neededBytes, SpaceReserve reserve) {
            this.directory = directory;
            this.device = device;
            this.neededBytes = neededBytes;
            this.reserve = reserve;
        }

        /** What that file takes is no longer to come. */
        void isWrittenTo(Path file) {
            synchronized (HostSpace.this) {
                written = Optional.of(file);
                state = State.WRITING;
            }
        }

        /** Nothing more is to come: what is left of it is for others. */
        void isWritten() {
            synchronized (HostSpace.this) {
                state = State.WRITTEN;
            }
        }

        /** Under the lock of all claims. */
        private long leftBytes() {
            if (state == State.WRITTEN) {
                return 0;
            }
            if (written.isEmpty()) {
                return neededBytes;
            }
            try {
                return Math.max(
                        0, neededBytes - FileStatus.ofLink(written.get()).allocatedBytes());
            } catch (OsException gone) {
                return neededBytes; // It has just ended and takes nothing any more; the next who asks will not meet it.
            }
        }

        /** Why the run must end now: the reserve is no longer free. */
        Optional<String> whyUndercut() throws IOException {
            return HostSpace.this.whyUndercut(this);
        }

        @Override
        public void close() {
            end(this);
        }
    }
}
