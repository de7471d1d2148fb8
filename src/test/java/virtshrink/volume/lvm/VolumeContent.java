package virtshrink.volume.lvm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import virtshrink.block.StripedSegment;

/** Does what device-mapper would do, a stripe at a time: puts the content of a logical volume on its disks, and takes it off again. */
public final class VolumeContent {
    private static final int MOST_PIECE_BYTES = 1 << 20;

    /**
     * A physical volume.
     *
     * @param file that holds it
     * @param startBytes where it begins there
     */
    public record Member(Path file, long startBytes) {}

    private VolumeContent() {}

    /** Writes a file of the volume's size to where the volume lies. */
    public static void scatter(Path content, LvmLayout.LogicalVolume volume, List<Member> members) throws IOException {
        try (FileChannel whole = FileChannel.open(content, StandardOpenOption.READ)) {
            copy(volume, members, (from, piece) -> readFully(whole, piece, from), true);
        }
    }

    /** Makes a file of what lies where the volume does. */
    public static Path gather(LvmLayout.LogicalVolume volume, List<Member> members, Path content) throws IOException {
        try (FileChannel whole = FileChannel.open(content, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            copy(volume, members, (from, piece) -> whole.write(piece, from), false);
        }
        return content;
    }

    private interface Transfer {
        void at(long offsetBytes, ByteBuffer piece) throws IOException;
    }

    private static void copy(LvmLayout.LogicalVolume volume, List<Member> members, Transfer content, boolean toDisk)
            throws IOException {
        List<FileChannel> disks = new ArrayList<>();
        try {
            for (Member member : members) {
                disks.add(FileChannel.open(member.file(), StandardOpenOption.READ, StandardOpenOption.WRITE));
            }
            for (StripedSegment segment : volume.segments()) {
                copy(segment, members, disks, content, toDisk);
            }
        } finally {
            for (FileChannel disk : disks) {
                disk.close();
            }
        }
    }

    private static void copy(
            StripedSegment segment, List<Member> members, List<FileChannel> disks, Transfer content, boolean toDisk)
            throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(segment.stripeBytes(), MOST_PIECE_BYTES));
        int stripes = segment.areas().size();
        for (long at = 0; at < segment.lengthBytes(); at += bytes.capacity()) {
            long stripe = at / segment.stripeBytes();
            StripedSegment.Area area = segment.areas().get((int) (stripe % stripes));
            long place = members.get(area.part()).startBytes()
                    + area.startBytes()
                    + stripe / stripes * segment.stripeBytes()
                    + at % segment.stripeBytes();
            FileChannel disk = disks.get(area.part());
            bytes.clear();
            if (toDisk) {
                content.at(segment.startBytes() + at, bytes);
                disk.write(bytes.flip(), place);
            } else {
                readFully(disk, bytes, place);
                content.at(segment.startBytes() + at, bytes.flip());
            }
        }
    }

    private static void readFully(FileChannel channel, ByteBuffer piece, long from) throws IOException {
        while (piece.hasRemaining() && channel.read(piece, from + piece.position()) >= 0) {
            // Until it is full.
        }
    }
}
