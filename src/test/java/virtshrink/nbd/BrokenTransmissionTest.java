package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.nbd.ScriptedServer.BLOCK_STATUS;
import static virtshrink.nbd.ScriptedServer.DONE;
import static virtshrink.nbd.ScriptedServer.ERROR;
import static virtshrink.nbd.ScriptedServer.ERROR_OFFSET;
import static virtshrink.nbd.ScriptedServer.NONE;
import static virtshrink.nbd.ScriptedServer.OFFSET_DATA;
import static virtshrink.nbd.ScriptedServer.OFFSET_HOLE;
import static virtshrink.nbd.ScriptedServer.SIMPLE;
import static virtshrink.nbd.ScriptedServer.STRUCTURED;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.nbd.ScriptedServer.Asked;
import virtshrink.nbd.ScriptedServer.Conversation;

/** One test for each fault of a server after the handshake. Reads are of 512 bytes at 1,024 unless a test says otherwise. */
@Timeout(10)
class BrokenTransmissionTest {
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final NbdOptions OPTIONS = NbdOptions.defaults()
            .withMetaContexts("base:allocation", "qemu:allocation-depth")
            .withRequestTimeout(SHORT);
    private static final long OFFSET = 1024;
    private static final int LENGTH = 512;

    @TempDir
    private Path directory;

    private interface Answer {
        void to(Asked asked, Conversation server) throws IOException;
    }

    private interface Call {
        void on(NbdClient client) throws IOException;
    }

    private static void read(NbdClient client) throws IOException {
        client.read(OFFSET, LENGTH);
    }

    private static void status(NbdClient client) throws IOException {
        client.blockStatus("base:allocation", new ByteRange(OFFSET, LENGTH), (start, length, flags) -> {});
    }

    private static void zero(NbdClient client) throws IOException {
        client.writeZeroes(RangeSet.of(new ByteRange(OFFSET, LENGTH)), done -> {});
    }

    private <T extends NbdException> void fails(Class<T> type, String says, boolean structured, Call call, Answer answer)
            throws IOException {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree(structured, 1 << 20);
                    answer.to(script.readRequest(), script);
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            T thrown = assertThrows(type, () -> call.on(client));
            assertTrue(thrown.getMessage().contains(says), thrown.getMessage());
            assertTrue(thrown.getMessage().contains(server.socket().toString()), thrown.getMessage());
            T later = assertThrows(type, () -> client.read(0, 1), "a later request");
            assertEquals(thrown.getMessage(), later.getMessage());
        }
    }

    private void isBroken(String says, Call call, Answer answer) throws IOException {
        fails(NbdProtocolException.class, says, true, call, answer);
    }

    @Test
    void anUnknownMagicIsBroken() throws IOException {
        isBroken("magic 0x12345678", BrokenTransmissionTest::read, (asked, server) -> server.send(0x12345678, 0, 0L));
    }

    @Test
    void aChunkWithoutLeaveIsBroken() throws IOException {
        fails(
                NbdProtocolException.class,
                "structured reply without leave",
                false,
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH]));
    }

    @Test
    void aWrongCookieIsBroken() throws IOException {
        isBroken(
                "cookie 99",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, NONE, new Asked(0, 0, 99, 0, 0)));
    }

    @Test
    void aWrongCookieInASimpleReplyIsBroken() throws IOException {
        isBroken("cookie 18446744073709551615", BrokenTransmissionTest::zero, (asked, server) -> server.send(
                SIMPLE, 0, -1L));
    }

    @Test
    void aSecondAnswerIsBroken() throws IOException {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree();
                    Asked asked = script.readRequest();
                    script.simple(0, asked);
                    script.simple(0, asked);
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            zero(client);
            assertThrows(NbdProtocolException.class, () -> zero(client));
        }
    }

    @Test
    void aSimpleReplyToAReadIsBroken() throws IOException {
        isBroken("a simple reply to NBD_CMD_READ", BrokenTransmissionTest::read, (asked, server) -> {
            server.simple(0, asked);
            server.send((Object) new byte[LENGTH]);
        });
    }

    @Test
    void anUnknownChunkTypeIsBroken() throws IOException {
        isBroken(
                "a chunk of type 77",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, 77, asked, new byte[16]));
    }

    @Test
    void extentsInReplyToAReadAreBroken() throws IOException {
        isBroken(
                "a chunk of type 5",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0));
    }

    @Test
    void dataInReplyToZeroingIsBroken() throws IOException {
        isBroken(
                "a chunk of type 1 in reply to NBD_CMD_WRITE_ZEROES",
                BrokenTransmissionTest::zero,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH]));
    }

    @Test
    void anOversizedDataChunkIsBroken() throws IOException {
        isBroken(
                "a data chunk of 521 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH + 1]));
    }

    @Test
    void anAbsurdChunkLengthIsBrokenBeforeAnythingIsRead() throws IOException {
        isBroken(
                "a data chunk of 4294967295 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.send(STRUCTURED, (short) DONE, (short) OFFSET_DATA, asked.cookie(), -1));
    }

    @Test
    void aDataChunkWithoutDataIsBroken() throws IOException {
        isBroken(
                "a data chunk of 8 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET));
    }

    @Test
    void aShortPayloadIsBroken() throws IOException {
        isBroken(
                "without all its bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH - 1]));
    }

    @Test
    void aMissingMiddleIsBroken() throws IOException {
        isBroken("without all its bytes", BrokenTransmissionTest::read, (asked, server) -> {
            server.chunk(0, OFFSET_DATA, asked, OFFSET, new byte[100]);
            server.chunk(DONE, OFFSET_DATA, asked, OFFSET + 101, new byte[LENGTH - 101]);
        });
    }

    @Test
    void aReadAnsweredWithNothingIsBroken() throws IOException {
        isBroken(
                "without all its bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, NONE, asked));
    }

    @Test
    void anEmptyChunkThatIsNotTheLastIsBroken() throws IOException {
        isBroken(
                "that is not the last", BrokenTransmissionTest::read, (asked, server) -> server.chunk(0, NONE, asked));
    }

    @Test
    void anEmptyChunkWithContentIsBroken() throws IOException {
        isBroken(
                "an empty chunk of 4 bytes",
                BrokenTransmissionTest::zero,
                (asked, server) -> server.chunk(DONE, NONE, asked, 0));
    }

    @Test
    void overlappingChunksAreBroken() throws IOException {
        isBroken("overlapping", BrokenTransmissionTest::read, (asked, server) -> {
            server.chunk(0, OFFSET_DATA, asked, OFFSET, new byte[300]);
            server.chunk(DONE, OFFSET_DATA, asked, OFFSET + 299, new byte[213]);
        });
    }

    @Test
    void aHoleOverLaterDataIsBroken() throws IOException {
        isBroken("overlapping", BrokenTransmissionTest::read, (asked, server) -> {
            server.chunk(0, OFFSET_DATA, asked, OFFSET + 256, new byte[16]);
            server.chunk(DONE, OFFSET_HOLE, asked, OFFSET, 512);
        });
    }

    @Test
    void dataBeforeTheRequestIsBroken() throws IOException {
        isBroken(
                "512 bytes at offset 1023",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET - 1, new byte[LENGTH]));
    }

    @Test
    void dataBeyondTheRequestIsBroken() throws IOException {
        isBroken(
                "512 bytes at offset 1025",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET + 1, new byte[LENGTH]));
    }

    @Test
    void dataAtAnOffsetThatOverflowsIsBroken() throws IOException {
        isBroken(
                "512 bytes at offset 18446744073709551615",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, -1L, new byte[LENGTH]));
    }

    @Test
    void aHoleBeyondTheRequestIsBroken() throws IOException {
        isBroken(
                "4294967295 bytes at offset 1024",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_HOLE, asked, OFFSET, -1));
    }

    @Test
    void aHoleOfNothingIsBroken() throws IOException {
        isBroken(
                "0 bytes at offset 1024",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_HOLE, asked, OFFSET, 0));
    }

    @Test
    void aHoleOfTheWrongLengthIsBroken() throws IOException {
        isBroken(
                "a hole chunk of 8 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, OFFSET_HOLE, asked, OFFSET));
    }

    @Test
    void aHugeErrorMessageIsBroken() throws IOException {
        isBroken(
                "a message of 65535 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, ERROR, asked, 5, (short) -1, new byte[5000]));
    }

    @Test
    void aHugeErrorChunkIsBroken() throws IOException {
        isBroken(
                "an error chunk of 1073741824 bytes",
                BrokenTransmissionTest::read,
                (asked, server) ->
                        server.send(STRUCTURED, (short) DONE, (short) ERROR, asked.cookie(), 1 << 30, 5, (short) 10));
    }

    @Test
    void anErrorMessageLongerThanItsChunkIsBroken() throws IOException {
        isBroken(
                "a message of 11 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, ERROR, asked, 5, (short) 11, "ten bytes."));
    }

    @Test
    void anErrorOfZeroIsBroken() throws IOException {
        isBroken(
                "with error 0",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, ERROR, asked, 0, (short) 0));
    }

    @Test
    void anErrorWithoutItsOffsetIsBroken() throws IOException {
        isBroken(
                "an error chunk of 6 bytes",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, ERROR_OFFSET, asked, 5, (short) 0));
    }

    @Test
    void anErrorOutsideTheRequestIsBroken() throws IOException {
        isBroken(
                "an error at offset 4096",
                BrokenTransmissionTest::read,
                (asked, server) -> server.chunk(DONE, ERROR_OFFSET, asked, 5, (short) 0, 4096L));
    }

    @Test
    void aDisconnectInsteadOfAReplyIsAnError() throws IOException {
        fails(
                NbdDisconnectedException.class,
                "closed the connection between replies",
                true,
                BrokenTransmissionTest::read,
                (asked, server) -> server.disconnect());
    }

    @Test
    void aDisconnectInMidReplyIsAnError() throws IOException {
        fails(
                NbdDisconnectedException.class,
                "closed the connection in the middle of a reply",
                true,
                BrokenTransmissionTest::read,
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
                BrokenTransmissionTest::read,
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
                BrokenTransmissionTest::read,
                (asked, server) -> {});
    }

    @Test
    void silenceInMidReplyEndsInTime() throws IOException {
        fails(
                NbdTimeoutException.class,
                "within 300 ms",
                true,
                BrokenTransmissionTest::read,
                (asked, server) -> server.send(STRUCTURED, (short) DONE, (short) OFFSET_DATA));
    }

    @Test
    void aTrickleOfErrorsEndsInTime() throws IOException {
        fails(NbdTimeoutException.class, "within 300 ms", true, BrokenTransmissionTest::read, (asked, server) -> {
            while (true) {
                server.chunk(0, ERROR, asked, 5, (short) 0);
            }
        });
    }

    @Test
    void aServerThatStopsReadingEndsInTimeForAllCallers() throws Exception {
        NbdOptions options = OPTIONS.withRequestsInFlight(1024);
        try (ScriptedServer server = new ScriptedServer(directory, Conversation::agree);
                NbdClient client = NbdClient.connect(server.socket(), options)) {
            RangeSet.Builder ranges = RangeSet.builder();
            for (int i = 0; i < 2048; i++) {
                ranges.add(512L * i, 256);
            }
            RangeSet many = ranges.build();
            List<CompletableFuture<Void>> callers = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                callers.add(CompletableFuture.runAsync(() -> assertThrows(
                        NbdTimeoutException.class, () -> client.writeZeroes(many, done -> {}))));
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
    void extentsForAnUnaskedContextAreBroken() throws IOException {
        isBroken(
                "metadata context id 9",
                BrokenTransmissionTest::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 9, 512, 0));
    }

    @Test
    void extentsForAContextGivenTwiceAreBroken() throws IOException {
        isBroken("has come before", BrokenTransmissionTest::status, (asked, server) -> {
            server.chunk(0, BLOCK_STATUS, asked, 7, 512, 0);
            server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0);
        });
    }

    @Test
    void extentsForOneContextOfTwoAreBroken() throws IOException {
        isBroken(
                "lacks 1 metadata contexts",
                BrokenTransmissionTest::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0));
    }

    @Test
    void anExtentOfNoBytesIsBroken() throws IOException {
        isBroken(
                "an extent of no bytes",
                BrokenTransmissionTest::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 256, 0, 0, 0));
    }

    @Test
    void extentsThatDoNotFillTheirChunkAreBroken() throws IOException {
        isBroken(
                "a block status chunk of 14 bytes",
                BrokenTransmissionTest::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0, (short) 0));
    }

    @Test
    void noExtentsAreBroken() throws IOException {
        isBroken(
                "a block status chunk of 4 bytes",
                BrokenTransmissionTest::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7));
    }

    @Test
    void anAbsurdNumberOfExtentsIsBroken() throws IOException {
        isBroken(
                "a block status chunk of 8388620 bytes",
                BrokenTransmissionTest::status,
                (asked, server) -> server.send(
                        STRUCTURED, (short) DONE, (short) BLOCK_STATUS, asked.cookie(), 4 + 8 * ((1 << 20) + 1), 7));
    }

    @Test
    void aSimpleSuccessWithoutExtentsIsBroken() throws IOException {
        isBroken(
                "a reply without extents",
                BrokenTransmissionTest::status,
                (asked, server) -> server.simple(0, asked));
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
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            NbdErrorException thrown = assertThrows(NbdErrorException.class, () -> read(client));
            assertEquals(5, thrown.errno());
            assertEquals(
                    "NBD server at " + server.socket()
                            + " answered NBD_CMD_READ of 512 bytes at offset 1024 with EIO (input/output error): bad?!",
                    thrown.getMessage());
            assertEquals(28, assertThrows(NbdErrorException.class, () -> zero(client)).errno());
            assertEquals(95, assertThrows(NbdErrorException.class, () -> status(client)).errno());
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
                assertEquals(108, assertThrows(NbdErrorException.class, () -> zero(client)).errno());
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
            CompletableFuture<Void> other = CompletableFuture.runAsync(() -> unchecked(
                    () -> assertArrayEquals(content, client.read(OFFSET, LENGTH).array())));
            // Not zero beforehand, to see that the hole is written.
            byte[] here = new byte[LENGTH];
            Arrays.fill(here, (byte) 0x55);
            client.read(OFFSET, ByteBuffer.wrap(here));
            assertArrayEquals(content, here);
            other.join();
        }
    }

    @Test
    void extentsAreClippedToTheRangeAndAskedForUntilItsEnd() throws Exception {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree();
                    Asked first = script.readRequest();
                    assertEquals(LENGTH, first.length());
                    script.chunk(0, BLOCK_STATUS, first, 8, 1 << 20, 1);
                    script.chunk(DONE, BLOCK_STATUS, first, 7, 100, 3, 156, 0);
                    Asked second = script.readRequest();
                    assertEquals(OFFSET + 256, second.offset());
                    assertEquals(256, second.length());
                    script.chunk(0, BLOCK_STATUS, second, 7, 255, 2, -1, 1, 512, 7);
                    script.chunk(DONE, BLOCK_STATUS, second, 8, 1, 1);
                    script.hangUpWhenAsked();
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS)) {
            List<String> extents = new ArrayList<>();
            client.blockStatus(
                    "base:allocation",
                    new ByteRange(OFFSET, LENGTH),
                    (start, length, flags) -> extents.add(start + "+" + length + ":" + flags));
            assertEquals(List.of("1024+100:3", "1124+156:0", "1280+255:2", "1535+1:1"), extents);
            client.close();
            server.requirePlayed();
        }
    }

    @Test
    void closingSaysGoodbyeAndFailsWhatIsStillUnanswered() throws Exception {
        CompletableFuture<Void> asked = new CompletableFuture<>();
        NbdOptions patient = OPTIONS.withRequestTimeout(Duration.ofMinutes(1));
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    script.agree();
                    script.readRequest();
                    asked.complete(null);
                    assertEquals(ScriptedServer.DISC, script.readRequest().type());
                    script.requireEnd();
                });
                NbdClient client = NbdClient.connect(server.socket(), patient)) {
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

    private static byte[] slice(byte[] content, int from, int to) {
        return Arrays.copyOfRange(content, from, to);
    }

    private static void unchecked(Executable executable) {
        try {
            executable.execute();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new CompletionException(e);
        }
    }
}
