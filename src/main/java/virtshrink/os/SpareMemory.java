package virtshrink.os;

/** Memory that this process holds and does not need. */
public final class SpareMemory {
    private SpareMemory() {}

    /**
     * Gives it back to the system, in some tens of milliseconds: by a collection of the heap, after which the virtual machine makes it smaller, and
     * by {@code malloc_trim(3)}, for the C library keeps what each thread has ever needed. For one who has done much and now waits for long.
     */
    public static void giveBack() {
        System.gc();
        Libc.malloc_trim(0);
    }
}
