package virtshrink.os;

import com.sun.jna.Native;
import java.nio.file.Path;

/** What {@code renameat2(2)} can do and Java cannot; never falls back to copying. Thread-safe. */
public final class Renames {
    private static final int AT_FDCWD = -100;
    private static final int RENAME_NOREPLACE = 1;
    private static final int RENAME_EXCHANGE = 2;

    private Renames() {}

    /** Two names of one filesystem change their files in one step; at no moment is either missing. */
    public static void exchange(Path a, Path b) throws OsException {
        rename(a, b, RENAME_EXCHANGE);
    }

    /** Gives a file another name; {@code EEXIST} if there is something of that name. */
    public static void noReplace(Path from, Path to) throws OsException {
        rename(from, to, RENAME_NOREPLACE);
    }

    /** Gives a file another name; what had that name before loses it in the same step. */
    public static void replace(Path from, Path to) throws OsException {
        rename(from, to, 0);
    }

    /** Names in a directory are on the disk when this returns. */
    public static void syncDirectory(Path directory) throws OsException {
        try (OpenFile open = OpenFile.directory(directory)) {
            open.sync();
        }
    }

    private static void rename(Path from, Path to, int flags) throws OsException {
        if (Libc.renameat2(AT_FDCWD, PathBytes.of(from), AT_FDCWD, PathBytes.of(to), flags) != 0) {
            throw new OsException("renameat2", from + " -> " + to, Native.getLastError());
        }
    }
}
