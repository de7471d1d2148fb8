package virtshrink.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Images of other programs that qemu can read. Some of their formats can name further files; whoever wrote the image must not choose what we
 * open, so only images that are one file are taken. (VDI and VHDX: qemu itself refuses those with a parent.)
 */
final class ForeignImage {
    /** Bytes that qemu's vmdk driver reads of a descriptor. */
    private static final int VMDK_DESCRIPTOR_BYTES = 20 * 512;

    private static final int VMDK_HEADER_BYTES = 512;
    private static final int VPC_FOOTER_BYTES = 512;
    private static final int VPC_DIFFERENCING = 4;

    private ForeignImage() {}

    /** @throws ImageRefusedException if the image names another file, or might */
    static void requireSelfContained(Path image, ImageFormat format) throws IOException, ImageRefusedException {
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
            switch (format) {
                case VMDK -> requireOneVmdk(image, channel);
                case VPC -> requireNoVpcParent(image, channel);
                case VDI, VHDX, RAW, QCOW2 -> {
                    // One file by qemu's own rules, or judged elsewhere.
                }
            }
        }
    }

    /** VMware's "Virtual Disk Format 5.0": hosted sparse extents with an embedded descriptor; all fields little-endian. */
    private static void requireOneVmdk(Path image, FileChannel channel) throws IOException, ImageRefusedException {
        String header = latin1(channel, 0, VMDK_HEADER_BYTES);
        if (!header.startsWith("KDMV") || header.length() < VMDK_HEADER_BYTES) {
            throw new ImageRefusedException(image + " is a VMDK of several files; only a single sparse or"
                    + " stream-optimized file is read. Convert it with: qemu-img convert -f vmdk -O qcow2");
        }
        ByteBuffer fields =
                ByteBuffer.wrap(header.getBytes(StandardCharsets.ISO_8859_1)).order(ByteOrder.LITTLE_ENDIAN);
        long capacity = fields.getLong(12);
        long descriptorSector = fields.getLong(28);
        if (capacity <= 0) {
            throw new ImageRefusedException(image + " is a VMDK that only describes other files");
        }
        boolean farDescriptor = descriptorSector > 1 && descriptorSector < channel.size() / 512;
        String descriptors = latin1(channel, VMDK_HEADER_BYTES, VMDK_DESCRIPTOR_BYTES)
                + (farDescriptor ? latin1(channel, descriptorSector * 512, VMDK_DESCRIPTOR_BYTES) : "");
        if (descriptors.contains("parentFileNameHint")) {
            throw new ImageRefusedException(image + " is a VMDK that stands on another image");
        }
    }

    /** Microsoft's "Virtual Hard Disk Image Format Specification": the footer, of which a dynamic disk has a copy at its start. */
    private static void requireNoVpcParent(Path image, FileChannel channel) throws IOException, ImageRefusedException {
        for (long at : new long[] {0, Math.max(0, channel.size() - VPC_FOOTER_BYTES)}) {
            String footer = latin1(channel, at, VPC_FOOTER_BYTES);
            boolean differencing =
                    footer.startsWith("conectix") && footer.length() > 63 && footer.charAt(63) == VPC_DIFFERENCING;
            if (differencing) {
                throw new ImageRefusedException(image + " is a differencing VHD, which stands on another image");
            }
        }
    }

    private static String latin1(FileChannel channel, long at, int mostBytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(mostBytes);
        while (buffer.hasRemaining() && channel.read(buffer, at + buffer.position()) > 0) {
            // until full or at the end
        }
        return new String(buffer.array(), 0, buffer.position(), StandardCharsets.ISO_8859_1);
    }
}
