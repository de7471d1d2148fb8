package virtshrink.os;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/** Reads {@code xattr(7)}. */
public final class ExtendedAttributes {
    private static final int MOST_BYTES = 1 << 16; // XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h

    private ExtendedAttributes() {}

    /**
     * All that this user can see of a file, or of a symbolic link itself, ordered by name; none where the filesystem has none. Every character of
     * a name stands for one byte.
     */
    public static SortedMap<String, byte[]> ofLink(Path path) throws OsException {
        byte[] file = PathBytes.of(path);
        SortedMap<String, byte[]> attributes = new TreeMap<>();
        for (String name : names("llistxattr", path, list -> Libc.llistxattr(file, list, list.length))) {
            byte[] key = PathBytes.name(name);
            value("lgetxattr", path, value -> Libc.lgetxattr(file, key, value, value.length))
                    .ifPresent(value -> attributes.put(name, value));
        }
        return attributes;
    }

    static List<String> names(OpenFile file) throws OsException {
        return names("flistxattr", file.path(), list -> Libc.flistxattr(file.descriptor(), list, list.length));
    }

    private static List<String> names(String call, Path path, ToLongFunction<byte[]> attempt) throws OsException {
        byte[] list = new byte[MOST_BYTES];
        long length;
        try {
            length = SystemCall.check(call, path, () -> attempt.applyAsLong(list));
        } catch (OsException e) {
            if (e.is(Errno.EOPNOTSUPP)) {
                return List.of();
            }
            throw e;
        }
        List<String> names = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < length; i++) {
            if (list[i] == 0) {
                names.add(new String(list, start, i - start, StandardCharsets.ISO_8859_1));
                start = i + 1;
            }
        }
        return List.copyOf(names);
    }

    static Optional<byte[]> value(OpenFile file, String name) throws OsException {
        byte[] key = PathBytes.name(name);
        return value("fgetxattr", file.path(), value -> Libc.fgetxattr(file.descriptor(), key, value, value.length));
    }

    private static Optional<byte[]> value(String call, Path path, ToLongFunction<byte[]> attempt) throws OsException {
        byte[] value = new byte[MOST_BYTES];
        try {
            long length = SystemCall.check(call, path, () -> attempt.applyAsLong(value));
            return Optional.of(Arrays.copyOf(value, Math.toIntExact(length)));
        } catch (OsException e) {
            if (e.is(Errno.ENODATA) || e.is(Errno.EOPNOTSUPP)) {
                return Optional.empty();
            }
            throw e;
        }
    }
}
