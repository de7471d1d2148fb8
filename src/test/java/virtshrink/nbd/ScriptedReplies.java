package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.nbd.ScriptedServer.Asked;
import virtshrink.nbd.ScriptedServer.Conversation;

/** What the tests of one scripted server share. Requests are of 512 bytes at 1,024. */
abstract class ScriptedReplies {
    static final NbdOptions OPTIONS = NbdOptions.defaults()
            .withMetaContexts("base:allocation", "qemu:allocation-depth")
            .withRequestTimeout(Duration.ofSeconds(8));
    /** For servers that are meant to run into the time limit. */
    static final NbdOptions IMPATIENT = OPTIONS.withRequestTimeout(Duration.ofMillis(300));

    static final long OFFSET = 1024;
    static final int LENGTH = 512;

    @TempDir
    Path directory;

    interface Answer {
        void to(Asked asked, Conversation server) throws IOException;
    }

    interface Call {
        void on(NbdClient client) throws IOException;
    }

    static void read(NbdClient client) throws IOException {
        client.read(OFFSET, LENGTH);
    }

    static void status(NbdClient client) throws IOException {
        client.blockStatus("base:allocation", new ByteRange(OFFSET, LENGTH), (start, length, flags) -> {});
    }

    static void zero(NbdClient client) throws IOException {
        client.writeZeroes(RangeSet.of(new ByteRange(OFFSET, LENGTH)), done -> {});
    }

    <T extends NbdException> void fails(Class<T> type, String says, boolean structured, Call call, Answer answer)
            throws IOException {
        NbdOptions options = type == NbdTimeoutException.class ? IMPATIENT : OPTIONS;
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree(structured, 1 << 20);
                    answer.to(script.readRequest(), script);
                });
                NbdClient client = NbdClient.connect(server.socket(), options)) {
            T thrown = assertThrows(type, () -> call.on(client));
            assertTrue(thrown.getMessage().contains(says), thrown.getMessage());
            assertTrue(thrown.getMessage().contains(server.socket().toString()), thrown.getMessage());
            T later = assertThrows(type, () -> client.read(0, 1), "a later request");
            assertEquals(thrown.getMessage(), later.getMessage());
        }
    }

    void isBroken(String says, Call call, Answer answer) throws IOException {
        fails(NbdProtocolException.class, says, true, call, answer);
    }

    static byte[] slice(byte[] content, int from, int to) {
        return Arrays.copyOfRange(content, from, to);
    }

    static void unchecked(Executable executable) {
        try {
            executable.execute();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new CompletionException(e);
        }
    }
}
