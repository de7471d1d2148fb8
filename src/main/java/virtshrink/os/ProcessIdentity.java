package virtshrink.os;

import com.sun.jna.Native;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * A process that cannot be mistaken for a later one with the same number, as long as the host is not restarted.
 *
 * @param pid 1 or more
 * @param startTicks when it was started, in clock ticks since the host's start ({@code proc(5)}, field {@code starttime})
 */
public record ProcessIdentity(long pid, long startTicks) {
    private static final int SYS_PIDFD_SEND_SIGNAL = 424; // these two numbers are the same on every architecture
    private static final int SYS_PIDFD_OPEN = 434;
    private static final int SIGKILL = 9;
    private static final short POLLIN = 1;
    private static final int STATE_FIELD = 3;
    private static final int START_TIME_FIELD = 22;

    /** The living process of that number; a zombie does not count as living. */
    public static Optional<ProcessIdentity> of(long pid) throws IOException {
        if (pid < 1 || pid > Integer.MAX_VALUE) {
            return Optional.empty();
        }
        byte[] stat;
        try {
            stat = Files.readAllBytes(Path.of("/proc/" + pid + "/stat"));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            // Between open and read the process may end: the kernel answers ESRCH, which Java gives as text only.
            if (!Files.exists(Path.of("/proc/" + pid))) {
                return Optional.empty();
            }
            throw e;
        }
        return parse(pid, new String(stat, StandardCharsets.ISO_8859_1));
    }

    public static ProcessIdentity ofThisProcess() throws IOException {
        return of(ProcessHandle.current().pid()).orElseThrow(() -> new IOException("/proc is not mounted"));
    }

    /** The second field is the program's name in parentheses and may itself contain spaces, parentheses and line ends. */
    static Optional<ProcessIdentity> parse(long pid, String stat) throws IOException {
        int nameEnd = stat.lastIndexOf(')');
        String[] fields = stat.substring(nameEnd + 1).trim().split(" ", -1);
        if (nameEnd < 0 || fields.length <= START_TIME_FIELD - STATE_FIELD) {
            throw new IOException("/proc/" + pid + "/stat has an unknown form: " + stat.trim());
        }
        if (fields[0].equals("Z") || fields[0].equals("X")) {
            return Optional.empty();
        }
        try {
            return Optional.of(new ProcessIdentity(pid, Long.parseLong(fields[START_TIME_FIELD - STATE_FIELD])));
        } catch (NumberFormatException e) {
            throw new IOException("/proc/" + pid + "/stat has an unknown form: " + stat.trim(), e);
        }
    }

    public boolean isAlive() throws IOException {
        return of(pid).equals(Optional.of(this));
    }

    /**
     * Sends {@code SIGKILL} to this process and to no other.
     *
     * @return false if it had ended already
     */
    public boolean kill() throws IOException {
        if (!isAlive()) {
            return false;
        }
        long descriptor = Libc.syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0);
        if (descriptor < 0) {
            return killWithoutDescriptor(failure("pidfd_open"));
        }
        try {
            // The descriptor is bound to whoever has the number now; only after that does the comparison tell who it
            // is.
            return isAlive()
                    && sent("pidfd_send_signal", Libc.syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, SIGKILL, 0, 0));
        } finally {
            Libc.close((int) descriptor);
        }
    }

    /**
     * Waits until the process has ended, as a zombie at least: its files and locks are given up then.
     *
     * @return false if it still lives after that time
     */
    public boolean awaitEnd(Duration atMost) throws IOException {
        if (!isAlive()) {
            return true;
        }
        long descriptor = Libc.syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0);
        if (descriptor < 0) {
            OsException failure = failure("pidfd_open");
            if (failure.is(Errno.ESRCH)) {
                return true;
            }
            throw failure;
        }
        try {
            if (!isAlive()) {
                return true;
            }
            return becomesReadable((int) descriptor, atMost);
        } finally {
            Libc.close((int) descriptor);
        }
    }

    private boolean becomesReadable(int descriptor, Duration atMost) throws OsException {
        long deadline = System.nanoTime() + atMost.toNanos();
        byte[] poll = new byte[8];
        ByteBuffer.wrap(poll)
                .order(ByteOrder.nativeOrder())
                .putInt(0, descriptor)
                .putShort(4, POLLIN);
        while (true) {
            long leftMillis = Math.max(0, (deadline - System.nanoTime() + 999_999) / 1_000_000);
            int ready = Libc.poll(poll, 1, (int) Math.min(leftMillis, Integer.MAX_VALUE));
            if (ready > 0) {
                return true;
            }
            if (ready == 0 && leftMillis < Integer.MAX_VALUE) {
                return false;
            }
            OsException failure = failure("poll");
            if (ready < 0 && !failure.is(Errno.EINTR)) {
                throw failure;
            }
        }
    }

    private boolean killWithoutDescriptor(OsException noDescriptor) throws IOException {
        if (noDescriptor.is(Errno.ESRCH)) {
            return false;
        }
        if (!noDescriptor.is(Errno.ENOSYS)) {
            throw noDescriptor;
        }
        // A kernel before 5.3: the number would have to be reused between these two calls.
        return isAlive() && sent("kill", Libc.kill((int) pid, SIGKILL));
    }

    private boolean sent(String call, long result) throws OsException {
        if (result == 0) {
            return true;
        }
        OsException failure = failure(call);
        if (failure.is(Errno.ESRCH)) {
            return false;
        }
        throw failure;
    }

    private OsException failure(String call) {
        return new OsException(call, "process " + pid, Native.getLastError());
    }
}
