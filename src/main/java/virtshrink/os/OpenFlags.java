package virtshrink.os;

import java.util.Set;

/** The flags of {@code open(2)} that are not the same number on every 64-bit Linux. */
final class OpenFlags {
    /** As {@code os.arch} names them: these have flags of their own for what others take from asm-generic. */
    private static final boolean OWN_NUMBERS =
            Set.of("aarch64", "arm", "ppc64", "ppc64le").contains(System.getProperty("os.arch", ""));

    static final int O_DIRECTORY = OWN_NUMBERS ? 040000 : 0200000;
    static final int O_NOFOLLOW = OWN_NUMBERS ? 0100000 : 0400000;

    /** Contains {@code O_DIRECTORY}, so that a kernel without it fails instead of opening the directory for writing. */
    static final int O_TMPFILE = 020000000 | O_DIRECTORY;

    private OpenFlags() {}
}
