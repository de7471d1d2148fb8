package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.nbd.ScriptedServer.bytes;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.nbd.ScriptedServer.Script;

@Timeout(10)
class BrokenHandshakeTest {
    private static final NbdOptions OPTIONS = NbdOptions.defaults().withHandshakeTimeout(Duration.ofSeconds(8));
    /** For servers that are meant to run into the time limit. */
    private static final NbdOptions IMPATIENT = OPTIONS.withHandshakeTimeout(Duration.ofMillis(300));

    private static final byte[] NOTHING = {};

    @TempDir
    private Path directory;

    private <T extends Exception> T connectingFails(Class<T> type, NbdOptions options, Script script)
            throws IOException {
        try (ScriptedServer server = new ScriptedServer(directory, script)) {
            T thrown = assertThrows(
                    type, () -> NbdClient.connect(server.socket(), options).close());
            assertTrue(thrown.getMessage().contains(server.socket().toString()), thrown.getMessage());
            return thrown;
        }
    }

    private void isBroken(String says, Script script) throws IOException {
        NbdProtocolException thrown =
                connectingFails(NbdProtocolException.class, OPTIONS.withMetaContexts("base:allocation"), script);
        assertTrue(thrown.getMessage().contains(says), thrown.getMessage());
    }

    @Test
    void aForeignGreetingIsBroken() throws IOException {
        isBroken("greeting begins with", server -> server.send("HTTP/1.1 400 Bad Request\r\n"));
    }

    @Test
    void anOldstyleGreetingIsBroken() throws IOException {
        isBroken("not a newstyle one", server -> server.send(ScriptedServer.NBDMAGIC, 0x00420281861253L, 1L << 20, 0));
    }

    @Test
    void aServerWithoutFixedNewstyleIsRefused() throws IOException {
        connectingFails(
                NbdRefusedException.class,
                OPTIONS,
                server -> server.send(ScriptedServer.NBDMAGIC, ScriptedServer.IHAVEOPT, (short) 0));
    }

    @Test
    void aDisconnectInTheHandshakeIsAnError() throws IOException {
        NbdDisconnectedException thrown = connectingFails(NbdDisconnectedException.class, OPTIONS, server -> {
            server.greet();
            server.readOption();
            server.send(ScriptedServer.OPTION_REPLY, 8);
            server.disconnect();
        });
        assertTrue(thrown.getMessage().contains("during the handshake"), thrown.getMessage());
    }

    @Test
    void silenceInTheHandshakeEndsInTime() throws IOException {
        NbdTimeoutException thrown = connectingFails(NbdTimeoutException.class, IMPATIENT, server -> {});
        assertTrue(thrown.getMessage().contains("within 300 ms"), thrown.getMessage());
    }

    @Test
    void silenceAfterAnOptionEndsInTime() throws IOException {
        connectingFails(NbdTimeoutException.class, IMPATIENT, server -> {
            server.greet();
            server.readOption();
        });
    }

    @Test
    void endlessInformationEndsInTime() throws IOException {
        connectingFails(NbdTimeoutException.class, IMPATIENT, server -> {
            server.greet();
            server.readOption();
            server.answer(8, ScriptedServer.ACK, NOTHING);
            while (true) {
                server.answer(ScriptedServer.GO, ScriptedServer.INFO, bytes((short) 2, "a description"));
            }
        });
    }

    @Test
    void aServerThatStopsReadingInTheHandshakeEndsInTime() throws IOException {
        String[] contexts = IntStream.range(0, 64)
                .mapToObj(i -> "x-test:" + i + "x".repeat(4000))
                .toArray(String[]::new);
        connectingFails(NbdTimeoutException.class, IMPATIENT.withMetaContexts(contexts), server -> {
            server.greet();
            server.readOption();
            server.answer(8, ScriptedServer.ACK, NOTHING);
        });
    }

    @Test
    void aServerThatDoesNotAcceptEndsInTime() throws IOException {
        Path socket = directory.resolve("full.sock");
        List<SocketChannel> waiting = new ArrayList<>();
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket), 1);
            for (int i = 0; i < 2; i++) {
                waiting.add(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
            }
            NbdTimeoutException thrown =
                    assertThrows(NbdTimeoutException.class, () -> NbdClient.connect(socket, IMPATIENT));
            assertTrue(thrown.getMessage().contains("took no connection within 300 ms"), thrown.getMessage());
        } finally {
            for (SocketChannel channel : waiting) {
                channel.close();
            }
        }
    }

    @Test
    void anAbsentSocketIsAnErrorThatNamesIt() {
        Path socket = directory.resolve("absent.sock");
        NbdDisconnectedException thrown =
                assertThrows(NbdDisconnectedException.class, () -> NbdClient.connect(socket, OPTIONS));
        assertTrue(thrown.getMessage().contains(socket.toString()), thrown.getMessage());
    }

    @Test
    void aFileThatIsNoSocketIsAnError() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertThrows(NbdDisconnectedException.class, () -> NbdClient.connect(file, OPTIONS));
    }

    @Test
    void anInterruptEndsTheHandshakeAndStaysPending() throws IOException {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {})) {
            Thread.currentThread().interrupt();
            assertThrows(InterruptedIOException.class, () -> NbdClient.connect(server.socket(), NbdOptions.defaults()));
            assertTrue(Thread.interrupted());
        }
    }

    @Test
    void anOptionReplyOfAbsurdLengthIsBroken() throws IOException {
        isBroken("a reply of 4294967295 bytes to option 8", server -> {
            server.greet();
            server.readOption();
            server.send(ScriptedServer.OPTION_REPLY, 8, ScriptedServer.ERR_UNSUP, -1);
        });
    }

    @Test
    void anOptionReplyWithoutMagicIsBroken() throws IOException {
        isBroken("an option reply with magic", server -> {
            server.greet();
            server.readOption();
            server.send(1L, 8, ScriptedServer.ACK, 0);
        });
    }

    @Test
    void aReplyToAnotherOptionIsBroken() throws IOException {
        isBroken("a reply to option 3 instead of 8", server -> {
            server.greet();
            server.readOption();
            server.answer(3, ScriptedServer.ACK, NOTHING);
        });
    }

    @Test
    void anUnknownReplyTypeIsBroken() throws IOException {
        isBroken("a reply of type 99", server -> {
            server.greet();
            server.readOption();
            server.answer(8, 99, NOTHING);
        });
    }

    @Test
    void aMetaContextThatWasNotAskedForIsBroken() throws IOException {
        isBroken("\"qemu:other\" with id 1 was not asked for", server -> {
            structured(server);
            server.answer(ScriptedServer.SET_META_CONTEXT, ScriptedServer.META_CONTEXT, bytes(1, "qemu:other"));
        });
    }

    @Test
    void aMetaContextAnsweredTwiceIsBroken() throws IOException {
        isBroken("answered twice", server -> {
            structured(server);
            server.answer(ScriptedServer.SET_META_CONTEXT, ScriptedServer.META_CONTEXT, bytes(1, "base:allocation"));
            server.answer(ScriptedServer.SET_META_CONTEXT, ScriptedServer.META_CONTEXT, bytes(2, "base:allocation"));
        });
    }

    @Test
    void aMetaContextWithoutIdIsBroken() throws IOException {
        isBroken("a metadata context of 3 bytes", server -> {
            structured(server);
            server.answer(ScriptedServer.SET_META_CONTEXT, ScriptedServer.META_CONTEXT, new byte[3]);
        });
    }

    @Test
    void refusedMetaContextsAreMerelyAbsent() throws IOException {
        try (ScriptedServer server = new ScriptedServer(directory, script -> {
                    structured(script);
                    script.answer(ScriptedServer.SET_META_CONTEXT, ScriptedServer.ERR_UNSUP, bytes("no such thing"));
                    script.readOption();
                    script.grant(0, ScriptedServer.HAS_FLAGS);
                    script.hangUpWhenAsked();
                });
                NbdClient client = NbdClient.connect(server.socket(), OPTIONS.withMetaContexts("base:allocation"))) {
            assertFalse(client.hasMetaContext("base:allocation"));
            assertEquals(0, client.sizeBytes());
        }
    }

    @Test
    void anExportSizeWithTheTopBitIsBroken() throws IOException {
        isBroken("an export of 18446744073709551615 bytes", server -> {
            toGo(server);
            server.grant(-1, ScriptedServer.ALL_FLAGS);
        });
    }

    @Test
    void anExportWithoutFlagsIsBroken() throws IOException {
        isBroken("NBD_FLAG_HAS_FLAGS", server -> {
            toGo(server);
            server.grant(512, 0);
        });
    }

    @Test
    void exportInformationOfAWrongLengthIsBroken() throws IOException {
        isBroken("an NBD_INFO_EXPORT of 11 bytes", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.INFO, new byte[11]);
        });
    }

    @Test
    void emptyInformationIsBroken() throws IOException {
        isBroken("an NBD_REP_INFO of 0 bytes", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.INFO, NOTHING);
        });
    }

    @Test
    void grantingWithoutExportInformationIsBroken() throws IOException {
        isBroken("without NBD_INFO_EXPORT", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.ACK, NOTHING);
        });
    }

    @Test
    void aMinimumBlockSizeThatIsNoPowerOfTwoIsBroken() throws IOException {
        isBroken("minimum block size 3000", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.INFO, bytes((short) 3, 3000, 4096, 1 << 20));
        });
    }

    @Test
    void aMinimumBlockSizeOfZeroIsBroken() throws IOException {
        isBroken("minimum block size 0", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.INFO, bytes((short) 3, 0, 4096, 1 << 20));
        });
    }

    @Test
    void aPreferredBlockSizeBelowTheMinimumIsBroken() throws IOException {
        isBroken("preferred block size 512", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.INFO, bytes((short) 3, 4096, 512, 1 << 20));
        });
    }

    @Test
    void aMaximumBelowThePreferredBlockSizeIsBroken() throws IOException {
        isBroken("maximum payload size 4095", server -> {
            toGo(server);
            server.answer(ScriptedServer.GO, ScriptedServer.INFO, bytes((short) 3, 1, 4096, 4095));
        });
    }

    @Test
    void aRefusalIsQuotedWithoutControlCharacters() throws IOException {
        NbdRefusedException thrown =
                connectingFails(NbdRefusedException.class, OPTIONS.withExportName("vda"), server -> {
                    server.greet();
                    server.readOption();
                    server.answer(8, ScriptedServer.ACK, NOTHING);
                    server.readOption();
                    server.answer(ScriptedServer.GO, 0x8000_0006, bytes("no\u001b[2J such\nexport"));
                });
        assertTrue(
                thrown.getMessage().endsWith("refuses export \"vda\": NBD_REP_ERR_UNKNOWN (no?[2J such?export)"),
                thrown.getMessage());
    }

    @Test
    void aServerThatWantsTlsIsRefused() throws IOException {
        NbdRefusedException thrown = connectingFails(NbdRefusedException.class, OPTIONS, server -> {
            server.greet();
            server.readOption();
            server.answer(8, 0x8000_0005, NOTHING);
        });
        assertTrue(thrown.getMessage().endsWith("NBD_REP_ERR_TLS_REQD"), thrown.getMessage());
    }

    @Test
    void optionsOutOfRangeAreMisuse() {
        NbdOptions options = NbdOptions.defaults();
        assertThrows(IllegalArgumentException.class, () -> options.withRequestsInFlight(0));
        assertThrows(IllegalArgumentException.class, () -> options.withExportName("x".repeat(4097)));
        assertThrows(IllegalArgumentException.class, () -> options.withMetaContexts("allocation"));
        assertThrows(IllegalArgumentException.class, () -> options.withMetaContexts("base:", "base:allocation"));
        assertThrows(IllegalArgumentException.class, () -> options.withRequestTimeout(Duration.ZERO));
        assertThrows(IllegalArgumentException.class, () -> options.withHandshakeTimeout(Duration.ofDays(2)));
    }

    /** Up to and including the client's wish for metadata contexts. */
    private static void structured(ScriptedServer.Conversation server) throws IOException {
        server.greet();
        server.readOption();
        server.answer(ScriptedServer.STRUCTURED_REPLY, ScriptedServer.ACK, NOTHING);
        assertEquals(ScriptedServer.SET_META_CONTEXT, server.readOption().number());
    }

    /** Up to and including the client's wish to begin. */
    private static void toGo(ScriptedServer.Conversation server) throws IOException {
        structured(server);
        server.answer(ScriptedServer.SET_META_CONTEXT, ScriptedServer.ACK, NOTHING);
        assertEquals(ScriptedServer.GO, server.readOption().number());
    }
}
