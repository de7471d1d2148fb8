package virtshrink.os;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Reads {@code xattr(7)} of an open file. */
final class ExtendedAttributes {
    private static final int MOST_BYTES = 1 << 16; // XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h

    private ExtendedAttributes() {}

    static List<String> names(OpenFile file) throws OsException {
        byte[] list = new byte[MOST_BYTES];
        long length;
        try {
            length = SystemCall.check(
                    "flistxattr", file.path(), () -> Libc.flistxattr(file.descriptor(), list, list.length));
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
        byte[] value = new byte[MOST_BYTES];
        byte[] key = PathBytes.name(name);
        try {
            long length = SystemCall.check(
                    "fgetxattr", file.path(), () -> Libc.fgetxattr(file.descriptor(), key, value, value.length));
            return Optional.of(Arrays.copyOf(value, Math.toIntExact(length)));
        } catch (OsException e) {
            if (e.is(Errno.ENODATA) || e.is(Errno.EOPNOTSUPP)) {
                return Optional.empty();
            }
            throw e;
        }
    }
}
