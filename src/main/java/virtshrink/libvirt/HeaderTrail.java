package virtshrink.libvirt;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Every file that a chain of qcow2 headers names, as far as it can be followed, whether or not the chain could be opened: a second, generous
 * look at images that are not to be touched themselves. Naming too many files only makes virt-shrink leave more alone, so here formats are
 * guessed from the magic number, and formats that headers do not record do not matter.
 *
 * <p>Fields by QEMU's {@code docs/interop/qcow2.txt}, "Header": magic at byte 0, version at 4, backing_file_offset at 8, backing_file_size
 * at 16.
 */
final class HeaderTrail {
    private static final int MAGIC = 0x514649fb;
    private static final int HEADER_BYTES = 20;
    private static final int MAXIMUM_NAME_BYTES = 1023;
    private static final int MAXIMUM_DEPTH = 256;

    /** File names inside {@code json:{…}} names, however deep; escapes other than of quote and backslash do not occur in practice. */
    private static final Pattern JSON_FILENAME =
            Pattern.compile("\"(?:file\\.)*filename\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"");

    private HeaderTrail() {}

    /** The files below the image; without the image itself. Files that cannot be read end their branch. */
    static Set<Path> below(Path image) {
        Set<Path> found = new LinkedHashSet<>();
        List<Path> open = new ArrayList<>(List.of(image));
        for (int depth = 0; depth < MAXIMUM_DEPTH && !open.isEmpty(); depth++) {
            Path here = open.remove(open.size() - 1);
            for (Path below : backingFiles(here)) {
                if (found.add(below)) {
                    open.add(below);
                }
            }
        }
        return found;
    }

    private static List<Path> backingFiles(Path image) {
        try {
            if (!Files.isRegularFile(image)) {
                return List.of();
            }
            return backingName(image).map(name -> files(image, name)).orElse(List.of());
        } catch (IOException | InvalidPathException e) {
            // The strict walk has already reported this image; here it simply leads no further.
            return List.of();
        }
    }

    private static Optional<String> backingName(Path image) throws IOException {
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
            ByteBuffer header = read(channel, 0, HEADER_BYTES);
            if (header.remaining() < HEADER_BYTES || header.getInt(0) != MAGIC) {
                return Optional.empty();
            }
            long backingFileOffset = header.getLong(8);
            int backingFileSize = header.getInt(16);
            if (backingFileOffset <= 0 || backingFileSize <= 0 || backingFileSize > MAXIMUM_NAME_BYTES) {
                return Optional.empty();
            }
            ByteBuffer name = read(channel, backingFileOffset, backingFileSize);
            return Optional.of(StandardCharsets.UTF_8.decode(name).toString());
        }
    }

    private static ByteBuffer read(FileChannel channel, long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining() && offset <= Long.MAX_VALUE - length) {
            if (channel.read(bytes, offset + bytes.position()) < 0) {
                break;
            }
        }
        return bytes.flip();
    }

    /** A name is relative to the directory of the image that holds it, as QEMU takes it; through a symbolic link, both readings count. */
    private static List<Path> files(Path image, String name) {
        List<Path> found = new ArrayList<>();
        for (String plain : plainNames(name)) {
            found.add(image.resolveSibling(plain).toAbsolutePath().normalize());
            try {
                found.add(image.toRealPath().resolveSibling(plain).normalize());
            } catch (IOException e) {
                return found; // gone meanwhile: the first reading stands
            }
        }
        return found;
    }

    private static List<String> plainNames(String name) {
        if (!name.startsWith("json:")) {
            return List.of(name.startsWith("file:") ? name.substring("file:".length()) : name);
        }
        List<String> names = new ArrayList<>();
        Matcher matcher = JSON_FILENAME.matcher(name);
        while (matcher.find()) {
            names.add(matcher.group(1).replaceAll("\\\\(.)", "$1"));
        }
        return names;
    }
}
