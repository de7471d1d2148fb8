package virtshrink.image;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import virtshrink.os.ExtendedFileAttributes;
import virtshrink.os.FileStatus;
import virtshrink.os.InodeFlags;
import virtshrink.os.OpenFile;

/**
 * What makes a file its owner's beside its content: owner, mode, extended attributes (ACL and security label among them), inode flags,
 * project, time of last modification.
 *
 * <p>The time of modification is kept because the guest has written nothing; it also tells a displaced original from one that somebody has
 * written to since.
 */
final class FileAttributes {
    /** What belongs to libvirt's bookkeeping or is a checksum of the old content. */
    private static final Set<String> LEFT_BEHIND = Set.of("security.ima", "security.evm");

    private static final String LIBVIRT_BOOKKEEPING = "trusted.libvirt.";

    private FileAttributes() {}

    /** Sets the flags that work only on an empty file, such as no-copy-on-write. */
    static void prepareEmpty(OpenFile original, OpenFile replacement) throws IOException {
        setFlags(original, replacement);
    }

    /**
     * Gives the replacement everything the original has, and reads it back.
     *
     * @throws IOException if anything could not be kept; the message names it
     */
    static void transfer(OpenFile original, OpenFile replacement) throws IOException {
        FileStatus wanted = original.status();
        // Owner first: changing it clears set-id bits and capabilities. Mode before the ACL, which contains the mode's
        // group class.
        replacement.inode().chown(wanted.uid(), wanted.gid());
        replacement.inode().chmod(wanted.permissions());
        Map<String, byte[]> attributes = kept(original);
        for (String name : kept(replacement).keySet()) {
            if (!attributes.containsKey(name)) {
                replacement.inode().removeXattr(name);
            }
        }
        for (Map.Entry<String, byte[]> attribute : attributes.entrySet()) {
            Optional<byte[]> present = replacement.inode().xattr(attribute.getKey());
            if (present.isEmpty() || !Arrays.equals(present.get(), attribute.getValue())) {
                replacement.inode().setXattr(attribute.getKey(), attribute.getValue());
            }
        }
        setFlags(original, replacement);
        setProject(original, replacement);
        replacement.inode().setModificationTime(wanted.mtimeSeconds(), wanted.mtimeNanos());
        Optional<String> difference = difference(original, replacement);
        if (difference.isPresent()) {
            throw new IOException("the new file cannot be given the original's " + difference.get());
        }
    }

    /** What differs between two files that should be alike; empty if nothing does. */
    static Optional<String> difference(OpenFile original, OpenFile replacement) throws IOException {
        FileStatus wanted = original.status();
        FileStatus present = replacement.status();
        if (wanted.uid() != present.uid() || wanted.gid() != present.gid()) {
            return Optional.of("owner");
        }
        if (wanted.permissions() != present.permissions()) {
            return Optional.of("mode");
        }
        Map<String, byte[]> attributes = kept(original);
        Map<String, byte[]> given = kept(replacement);
        if (!attributes.keySet().equals(given.keySet())) {
            return Optional.of("extended attributes");
        }
        for (Map.Entry<String, byte[]> attribute : attributes.entrySet()) {
            if (!Arrays.equals(attribute.getValue(), given.get(attribute.getKey()))) {
                return Optional.of("extended attribute " + attribute.getKey());
            }
        }
        if (keptFlags(original) != keptFlags(replacement)) {
            return Optional.of("file flags");
        }
        return Optional.empty();
    }

    private static Map<String, byte[]> kept(OpenFile file) throws IOException {
        Map<String, byte[]> attributes = new LinkedHashMap<>();
        for (String name : file.inode().xattrNames()) {
            if (!LEFT_BEHIND.contains(name) && !name.startsWith(LIBVIRT_BOOKKEEPING)) {
                file.inode().xattr(name).ifPresent(value -> attributes.put(name, value));
            }
        }
        return attributes;
    }

    private static int keptFlags(OpenFile file) throws IOException {
        return file.inode().flags().orElse(0) & InodeFlags.KEPT;
    }

    private static void setFlags(OpenFile original, OpenFile replacement) throws IOException {
        OptionalInt present = replacement.inode().flags();
        if (present.isPresent() && keptFlags(original) != keptFlags(replacement)) {
            replacement.inode().setFlags((present.getAsInt() & ~InodeFlags.KEPT) | keptFlags(original));
        }
    }

    private static void setProject(OpenFile original, OpenFile replacement) throws IOException {
        Optional<ExtendedFileAttributes> wanted = original.inode().extendedAttributes();
        Optional<ExtendedFileAttributes> present = replacement.inode().extendedAttributes();
        if (wanted.isPresent()
                && present.isPresent()
                && wanted.get().projectId() != present.get().projectId()) {
            ExtendedFileAttributes own = present.get();
            replacement
                    .inode()
                    .setExtendedAttributes(new ExtendedFileAttributes(
                            own.flags(),
                            own.extentSizeHintBytes(),
                            wanted.get().projectId(),
                            own.copyOnWriteExtentSizeHintBytes()));
        }
    }
}
