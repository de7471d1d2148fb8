package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.nbd.ScriptedServer.DONE;
import static virtshrink.nbd.ScriptedServer.ERROR;
import static virtshrink.nbd.ScriptedServer.ERROR_OFFSET;
import static virtshrink.nbd.ScriptedServer.NONE;
import static virtshrink.nbd.ScriptedServer.OFFSET_DATA;
import static virtshrink.nbd.ScriptedServer.OFFSET_HOLE;
import static virtshrink.nbd.ScriptedServer.STRUCTURED;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import virtshrink.block.RangeSet;
import virtshrink.nbd.ScriptedServer.Asked;
import virtshrink.nbd.ScriptedServer.Conversation;

/** What happens to requests when the server fails, falls silent or goes, and when all is well. */
@Timeout(10)
class ConnectionTest extends ScriptedReplies {
    @Test
    void aDisconnectInsteadOfAReplyIsAnError() throws IOException {
        fails(
                NbdDisconnectedException.class,
                "closed the connection between replies",
                true,
                ScriptedReplies::read,
                (asked, server) -> server.disconnect());
    }

    @Test
    void aDisconnectInMidReplyIsAnError() throws IOException {
        fails(
                NbdDisconnectedException.class,
                "closed the connection in the middle of a reply",
                true,
                ScriptedReplies::read,
                (asked, server) -> {
                    server.send(
                            STRUCTURED, (short) DONE, (short) OFFSET_DATA, asked.cookie(), 520, OFFSET, new byte[100]);
                    server.disconnect();
                });
    }

    @Test
    void aDisconnectInMidSimpleReplyIsAnError() throws IOException {
        fails(
                NbdDisconnectedException.class,
                "in the middle of a reply",
                false,
                ScriptedReplies::read,
                (asked, server) -> {
                    server.simple(0, asked);
                    server.send((Object) new byte[LENGTH - 1]);
                    server.disconnect();
                });
    }

    @Test
    void silenceAfterARequestEndsInTime() throws IOException {
        fails(
                NbdTimeoutException.class,
                "no reply to NBD_CMD_READ of 512 bytes at offset 1024 within 300 ms",
                true,
                ScriptedReplies::read,
                (asked, server) -> {});
    }

    @Test
    void silenceInMidReplyEndsInTime() throws IOException {
        fails(
                NbdTimeoutException.class,
                "within 300 ms",
                true,
                ScriptedReplies::read,
                (asked, server) -> server.send(STRUCTURED, (short) DONE, (short) OFFSET_DATA));
    }

    @Test
    void aTrickleOfErrorsEndsInTime() throws IOException {
        fails(NbdTimeoutException.class, "within 300 ms", true, ScriptedReplies::read, (asked, server) -> {
            while (true) {
                server.chunk(0, ERROR, asked, 5, (short) 0);
            }
        });
    }

    @Test
    void aServerThatStopsReadingEndsInTimeForAllCallers() throws Exception {
        NbdOptions options = IMPATIENT.withRequestsInFlight(1024);
        try (ScriptedServer server = new ScriptedServer(directory, Conversation::agree);
                NbdClient client = NbdClient.connect(server.socket(), options)) {
            RangeSet.Builder ranges = RangeSet.builder();
            for (int i = 0; i < 2048; i++) {
                ranges.add(512L * i, 256);
            }
            RangeSet many = ranges.build();
            List<CompletableFuture<Void>> callers = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                callers.add(CompletableFuture.runAsync(
                        () -> assertThrows(NbdTimeoutException.class, () -> client.writeZeroes(many, done -> {}))));
            }
            for (CompletableFuture<Void> caller : callers) {
                caller.join();
            }
        }
    }

    @Test
    void aFaultFailsEveryRequestInFlight() throws Exception {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree();
                    for (int i = 0; i < 4; i++) {
                        script.readRequest();
                    }
                    script.send(0x11111111, 0L);
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            List<CompletableFuture<Void>> callers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                callers.add(CompletableFuture.runAsync(() -> unchecked(() -> read(client))));
            }
            for (CompletableFuture<Void> caller : callers) {
                CompletionException thrown = assertThrows(CompletionException.class, caller::join);
                assertInstanceOf(NbdProtocolException.class, thrown.getCause());
            }
        }
    }

    @Test
    void anErrorReplyFailsOnlyItsRequest() throws Exception {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
            script.agree();
            Asked first = script.readRequest();
            script.chunk(0, OFFSET_DATA, first, OFFSET, new byte[256]);
            script.chunk(0, ERROR_OFFSET, first, 5, (short) 5, "bad\u0007!", OFFSET + 256);
            script.chunk(DONE, ERROR, first, 22, (short) 0);
            script.simple(28, script.readRequest());
            script.chunk(DONE, 0x8fff, script.readRequest(), 95, (short) 2, "no", new byte[20]);
            script.chunk(DONE, OFFSET_HOLE, script.readRequest(), OFFSET, LENGTH);
            script.hangUpWhenAsked();
        })) {
            NbdClient client = NbdClient.connect(server.socket(), OPTIONS);
            NbdErrorException thrown = assertThrows(NbdErrorException.class, () -> read(client));
            assertEquals(5, thrown.errno());
            assertEquals(
                    "NBD server at " + server.socket()
                            + " answered NBD_CMD_READ of 512 bytes at offset 1024 with EIO (input/output error): bad?!",
                    thrown.getMessage());
            assertEquals(
                    28,
                    assertThrows(NbdErrorException.class, () -> zero(client)).errno());
            assertEquals(
                    95,
                    assertThrows(NbdErrorException.class, () -> status(client)).errno());
            read(client);
            client.close();
            server.requirePlayed();
        }
    }

    @Test
    void aServerThatShutsDownGetsNoMoreRequests() throws Exception {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
            script.agree();
            script.simple(108, script.readRequest());
            assertEquals(ScriptedServer.DISC, script.readRequest().type());
            script.requireEnd();
        })) {
            try (NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
                assertEquals(
                        108,
                        assertThrows(NbdErrorException.class, () -> zero(client))
                                .errno());
                assertThrows(NbdDisconnectedException.class, () -> zero(client));
            }
            server.requirePlayed();
        }
    }

    @Test
    void chunksMayComeInAnyOrderAndInterleaved() throws Exception {
        byte[] content = new byte[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            content[i] = (byte) (i < 200 || i >= 300 ? i : 0);
        }
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree();
                    Asked one = script.readRequest();
                    Asked two = script.readRequest();
                    for (Asked asked : List.of(two, one)) {
                        script.chunk(0, OFFSET_DATA, asked, OFFSET + 400, slice(content, 400, 512));
                        script.chunk(0, OFFSET_HOLE, asked, OFFSET + 200, 100);
                    }
                    for (Asked asked : List.of(one, two)) {
                        script.chunk(0, OFFSET_DATA, asked, OFFSET + 100, slice(content, 100, 200));
                        script.chunk(0, OFFSET_DATA, asked, OFFSET, slice(content, 0, 100));
                        script.chunk(0, OFFSET_DATA, asked, OFFSET + 300, slice(content, 300, 400));
                        script.chunk(DONE, NONE, asked);
                    }
                    script.hangUpWhenAsked();
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            CompletableFuture<Void> other = CompletableFuture.runAsync(
                    () -> unchecked(() -> assertEquals(ByteBuffer.wrap(content), client.read(OFFSET, LENGTH))));
            // Not zero beforehand, to see that the hole is written.
            byte[] here = new byte[LENGTH];
            Arrays.fill(here, (byte) 0x55);
            client.read(OFFSET, ByteBuffer.wrap(here));
            assertArrayEquals(content, here);
            other.join();
        }
    }

    @Test
    void closingSaysGoodbyeAndFailsWhatIsStillUnanswered() throws Exception {
        CompletableFuture<Void> asked = new CompletableFuture<>();
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
            script.agree();
            script.readRequest();
            asked.complete(null);
            assertEquals(ScriptedServer.DISC, script.readRequest().type());
            script.requireEnd();
        })) {
            NbdClient client = NbdClient.connect(server.socket(), OPTIONS);
            CompletableFuture<Void> reading = CompletableFuture.runAsync(() -> unchecked(() -> read(client)));
            asked.join();
            client.close();
            CompletionException thrown = assertThrows(CompletionException.class, reading::join);
            assertInstanceOf(NbdDisconnectedException.class, thrown.getCause());
            assertTrue(thrown.getCause().getMessage().contains("closed on this side"), thrown.getMessage());
            assertThrows(NbdDisconnectedException.class, () -> read(client));
            server.requirePlayed();
        }
    }

    @Test
    void anInterruptedCallerGetsItsBytesAndKeepsItsInterrupt() throws Exception {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree();
                    for (int i = 0; i < 2; i++) {
                        script.chunk(DONE, OFFSET_HOLE, script.readRequest(), OFFSET, LENGTH);
                    }
                    script.hangUpWhenAsked();
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            Thread.currentThread().interrupt();
            read(client);
            assertTrue(Thread.interrupted());
            read(client);
        }
    }
}
