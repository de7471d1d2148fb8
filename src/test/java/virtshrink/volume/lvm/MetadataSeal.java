package virtshrink.volume.lvm;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Changes metadata so that their checksums fit again. For areas whose text does not go round the ring. */
final class MetadataSeal {
    private static final int HEADER_BYTES = 512;

    private MetadataSeal() {}

    static void header(RandomAccessFile file, long area, Consumer<ByteBuffer> change) throws IOException {
        byte[] bytes = new byte[HEADER_BYTES];
        file.seek(area);
        file.readFully(bytes);
        ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        change.accept(header);
        header.putInt(0, (int) LvmCrc.of(bytes, 4, HEADER_BYTES - 4));
        file.seek(area);
        file.write(bytes);
    }

    static void text(RandomAccessFile file, long area, UnaryOperator<String> change) throws IOException {
        header(file, area, header -> {
            try {
                byte[] text = new byte[(int) header.getLong(48)];
                file.seek(area + header.getLong(40));
                file.readFully(text);
                byte[] changed = change.apply(new String(text, ISO_8859_1)).getBytes(ISO_8859_1);
                file.seek(area + header.getLong(40));
                file.write(changed);
                header.putLong(48, changed.length);
                header.putInt(56, (int) LvmCrc.of(changed));
            } catch (IOException broken) {
                throw new java.io.UncheckedIOException(broken);
            }
        });
    }
}
