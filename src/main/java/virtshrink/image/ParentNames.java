package virtshrink.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of the files that an image of any format says it stands on, believing nothing else that it says. Formats are told by how a file
 * begins: a raw disk that imitates one is taken at its word, which costs its neighbour a shrink and nothing more.
 *
 * <p>Asked of qcow of every version, QED and VMDK. Differencing VDI, VHD and VHDX stand on images of their own kind only, which never
 * replace themselves.
 */
final class ParentNames {
    /** Of any name that Linux can open. */
    private static final int MOST_NAME_BYTES = 4095;

    /** {@code QEDHeader}, qemu's {@code docs/interop/qed_spec.txt}; all fields little-endian. */
    private static final int QED_MAGIC = 'Q' | 'E' << 8 | 'D' << 16;

    private static final int QED_HEADER_BYTES = 64;

    private static final String VMDK_SPARSE = "KDMV";
    private static final String VMDK_COW_DISK = "COWD";
    /** A descriptor may also be a file of its own, which begins with a comment or with its first entry. */
    private static final Pattern VMDK_TEXT = Pattern.compile("\\s*(#|version\\s*=)", Pattern.CASE_INSENSITIVE);
    /** Bytes of a descriptor in which qemu looks for the parent, and what may precede an embedded one. */
    private static final int VMDK_DESCRIPTOR_BYTES = 20 * 512;

    private static final int VMDK_HEADER_BYTES = 512;
    private static final Pattern VMDK_PARENT = Pattern.compile("parentFileNameHint\\s*=\\s*\"([^\"]{1,4095})\"");

    private ParentNames() {}

    /** None if the file stands on nothing, or on something whose name qemu could not read either. */
    static List<String> of(FileChannel channel) throws IOException {
        ByteBuffer start = read(channel, 0, QED_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        if (Qcow2Header.hasMagic(channel)) {
            return Qcow2Header.rawBackingName(channel).map(ParentNames::text).stream()
                    .toList();
        }
        if (start.remaining() == QED_HEADER_BYTES && start.getInt(0) == QED_MAGIC) {
            long offset = Integer.toUnsignedLong(start.getInt(56)); // backing_filename_offset
            long length = Integer.toUnsignedLong(start.getInt(60)); // backing_filename_size
            return length == 0 || length > MOST_NAME_BYTES
                    ? List.of()
                    : List.of(text(bytes(read(channel, offset, (int) length))));
        }
        return ofVmdk(channel, start);
    }

    private static List<String> ofVmdk(FileChannel channel, ByteBuffer start) throws IOException {
        String head = new String(bytes(start.duplicate()), StandardCharsets.ISO_8859_1);
        boolean sparse = head.startsWith(VMDK_SPARSE);
        if (!sparse
                && !head.startsWith(VMDK_COW_DISK)
                && !VMDK_TEXT.matcher(head).lookingAt()) {
            return List.of();
        }
        List<String> names = new ArrayList<>();
        collect(read(channel, 0, VMDK_HEADER_BYTES + VMDK_DESCRIPTOR_BYTES), names);
        if (sparse && start.remaining() == QED_HEADER_BYTES) {
            long descriptorSector = start.getLong(28); // descriptorOffset, unaligned
            if (descriptorSector > 1 && descriptorSector < channel.size() / 512) {
                collect(read(channel, descriptorSector * 512, VMDK_DESCRIPTOR_BYTES), names);
            }
        }
        return names;
    }

    private static void collect(ByteBuffer descriptor, List<String> names) {
        Matcher matcher = VMDK_PARENT.matcher(new String(bytes(descriptor), StandardCharsets.UTF_8));
        // Bounded by the descriptor's length.
        while (matcher.find()) {
            names.add(matcher.group(1));
        }
    }

    /** As C reads it. */
    private static String text(byte[] name) {
        String text = new String(name, StandardCharsets.UTF_8);
        int end = text.indexOf('\0');
        return end < 0 ? text : text.substring(0, end);
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** As much as there is of it. */
    private static ByteBuffer read(FileChannel channel, long at, int mostBytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate((int) Math.max(0, Math.min(mostBytes, channel.size() - at)));
        while (buffer.hasRemaining() && channel.read(buffer, at + buffer.position()) > 0) {
            // until full, or at an end that came nearer meanwhile
        }
        return buffer.flip();
    }
}
