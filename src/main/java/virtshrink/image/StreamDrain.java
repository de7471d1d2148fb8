package virtshrink.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;

/**
 * Empties one output stream of a child on a thread of its own: a child whose pipe nobody empties stops for ever. Memory is bounded; what
 * cannot be kept is either the caller's error or only the tail's beginning.
 */
final class StreamDrain {
    private final Thread thread;
    private byte[] kept = new byte[0];
    /** Taken back when the end has been reached: whatever ends the thread otherwise is a failure. */
    private Optional<Exception> failure = Optional.of(new IOException("its reader died"));

    private StreamDrain(String name, Task task, Runnable onFailure) {
        thread = new Thread(
                () -> {
                    try {
                        keep(task.run());
                    } catch (IOException | RuntimeException e) {
                        fail(e);
                    } finally {
                        if (failure().isPresent()) {
                            onFailure.run();
                        }
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Keeps everything; more than the limit is a failure. */
    static StreamDrain whole(String name, InputStream stream, int limitBytes, Runnable onFailure) {
        return new StreamDrain(
                name,
                () -> {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    byte[] chunk = new byte[8192];
                    for (int n = stream.read(chunk); n >= 0; n = stream.read(chunk)) {
                        if (n > limitBytes - bytes.size()) {
                            throw new IOException("wrote more than " + limitBytes + " bytes");
                        }
                        bytes.write(chunk, 0, n);
                    }
                    return bytes.toByteArray();
                },
                onFailure);
    }

    /** Keeps the last bytes. */
    static StreamDrain tail(String name, InputStream stream, int keepBytes, Runnable onFailure) {
        return new StreamDrain(
                name,
                () -> {
                    byte[] ring = new byte[2 * keepBytes];
                    int used = 0;
                    for (int n = stream.read(ring, used, ring.length - used);
                            n >= 0;
                            n = stream.read(ring, used, ring.length - used)) {
                        used += n;
                        if (used == ring.length) {
                            System.arraycopy(ring, keepBytes, ring, 0, keepBytes);
                            used = keepBytes;
                        }
                    }
                    return Arrays.copyOfRange(ring, Math.max(0, used - keepBytes), used);
                },
                onFailure);
    }

    /** Lets a reader have it, then drops the rest. */
    static StreamDrain into(String name, InputStream stream, OutputReader reader, Runnable onFailure) {
        return new StreamDrain(
                name,
                () -> {
                    reader.read(stream);
                    stream.transferTo(OutputStream.nullOutputStream());
                    return new byte[0];
                },
                onFailure);
    }

    /**
     * Waits for the end of the stream, which comes with the child's unless a grandchild has inherited it.
     *
     * @return false if it had not come in time
     */
    boolean join(Duration limit) throws InterruptedException {
        thread.join(Math.max(1, limit.toMillis()));
        return !thread.isAlive();
    }

    synchronized Optional<Exception> failure() {
        return failure;
    }

    synchronized String text() {
        return new String(kept, StandardCharsets.UTF_8);
    }

    private synchronized void keep(byte[] bytes) {
        kept = bytes;
        failure = Optional.empty();
    }

    private synchronized void fail(Exception e) {
        failure = Optional.of(e);
    }

    private interface Task {
        byte[] run() throws IOException;
    }
}
