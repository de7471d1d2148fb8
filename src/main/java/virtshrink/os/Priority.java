package virtshrink.os;

import com.sun.jna.Native;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * How much a thread gets of the processors and the disks when others want them too: {@code setpriority(2)} and {@code ioprio_set(2)}. On Linux
 * both belong to single threads, and what a thread starts inherits them. Raising the first again takes {@code CAP_SYS_NICE}.
 */
public enum Priority {
    /** That of a thread about which nothing was said. */
    NORMAL(0, 0),
    /**
     * Stands back, but gets about a tenth of a processor that others keep busy: a lock that such a thread holds comes free soon. The disks are as for
     * {@link #NORMAL}.
     */
    LOW(10, 0),
    /** Gets what others leave: nice 19 and the idle class of the disk scheduler, where that knows any ({@code bfq}, {@code mq-deadline}). */
    BACKGROUND(19, 3 << 13);

    private static final int PRIO_PROCESS = 0;
    private static final int IOPRIO_WHO_PROCESS = 1;
    /** {@code __NR_ioprio_set}; all later architectures have the number of asm-generic. */
    private static final Map<String, Integer> SYS_IOPRIO_SET = Map.of(
            "amd64", 251,
            "aarch64", 30,
            "riscv64", 30,
            "loongarch64", 30,
            "s390x", 282,
            "ppc64le", 273);

    private final int nice;
    private final int ioPriority;

    Priority(int nice, int ioPriority) {
        this.nice = nice;
        this.ioPriority = ioPriority;
    }

    /**
     * The calling thread, as the kernel numbers it.
     *
     * @throws UncheckedIOException if {@code /proc} is not mounted
     */
    public static long currentThread() {
        try {
            // PID/task/TID; glibc has gettid only since 2.30.
            Path task = Files.readSymbolicLink(Path.of("/proc/thread-self"));
            return Long.parseLong(String.valueOf(task.getFileName()));
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    /**
     * Gives it to one thread.
     *
     * @return false if there is no such thread any more
     * @throws OsException if this process may not
     */
    public boolean applyToThread(long thread) throws OsException {
        return set(Math.toIntExact(thread), nice, ioPriority);
    }

    private static boolean set(int thread, int nice, int ioPriority) throws OsException {
        boolean there = took("setpriority", thread, Libc.setpriority(PRIO_PROCESS, thread, nice));
        Optional<Integer> number = Optional.ofNullable(SYS_IOPRIO_SET.get(System.getProperty("os.arch", "")));
        return there
                && (number.isEmpty()
                        || took(
                                "ioprio_set",
                                thread,
                                Libc.syscall(number.get(), IOPRIO_WHO_PROCESS, thread, ioPriority, 0)));
    }

    /**
     * Gives it to all threads of a process, those included that it starts meanwhile.
     *
     * @throws IOException if this process may not; nothing happens if there is no such process any more
     */
    public void applyToProcess(long pid) throws IOException {
        // What was started by a thread before its turn came is found the second time; what is started after it
        // inherits.
        for (int turn = 0; turn < 2; turn++) {
            try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
                for (Path task : tasks) {
                    applyToThread(Long.parseLong(String.valueOf(task.getFileName())));
                }
            } catch (NoSuchFileException ended) {
                return;
            } catch (DirectoryIteratorException problem) {
                if (!Files.exists(Path.of("/proc/" + pid))) {
                    return;
                }
                throw problem.getCause();
            }
        }
    }

    private static boolean took(String call, long thread, long result) throws OsException {
        if (result >= 0) {
            return true;
        }
        int number = Native.getLastError();
        if (number == Errno.ESRCH.number()) {
            return false;
        }
        throw new OsException(call, "thread " + thread, number);
    }
}
