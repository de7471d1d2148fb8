package virtshrink.nbd;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** An NBD server that says what a test wants it to say, to one client; after its script it stays silent until it is closed. */
final class ScriptedServer implements Closeable {
    static final long NBDMAGIC = 0x4e42444d41474943L;
    static final long IHAVEOPT = 0x49484156454f5054L;
    static final long OPTION_REPLY = 0x3e889045565a9L;
    static final int SIMPLE = 0x67446698;
    static final int STRUCTURED = 0x668e33ef;

    static final int GO = 7;
    static final int STRUCTURED_REPLY = 8;
    static final int SET_META_CONTEXT = 10;
    static final int ACK = 1;
    static final int INFO = 3;
    static final int META_CONTEXT = 4;
    static final int ERR_UNSUP = 0x8000_0001;

    static final int DONE = 1;
    static final int NONE = 0;
    static final int OFFSET_DATA = 1;
    static final int OFFSET_HOLE = 2;
    static final int BLOCK_STATUS = 5;
    static final int ERROR = 0x8001;
    static final int ERROR_OFFSET = 0x8002;

    static final int DISC = 2;
    static final int HAS_FLAGS = 1;
    static final int ALL_FLAGS = 1 | 4 | 32 | 64;

    private final ServerSocketChannel listener;
    private final Path socket;
    private final CompletableFuture<Void> played = new CompletableFuture<>();
    private final CompletableFuture<SocketChannel> accepted = new CompletableFuture<>();

    interface Script {
        void play(Conversation client) throws IOException;
    }

    ScriptedServer(Path directory, Script script) throws IOException {
        socket = directory.resolve("scripted.sock");
        listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(socket));
        Thread thread = new Thread(
                () -> {
                    try {
                        SocketChannel channel = listener.accept();
                        accepted.complete(channel);
                        script.play(new Conversation(channel));
                        played.complete(null);
                    } catch (IOException | RuntimeException | Error e) {
                        played.completeExceptionally(e);
                    }
                },
                "scripted server");
        thread.setDaemon(true);
        thread.start();
    }

    Path socket() {
        return socket;
    }

    /** Whether the script came to its end without a failure. */
    void requirePlayed() throws Exception {
        played.get(5, TimeUnit.SECONDS);
    }

    @Override
    public void close() throws IOException {
        listener.close();
        if (accepted.isDone()) {
            accepted.join().close();
        }
    }

    record Option(int number, ByteBuffer data) {}

    record Asked(int flags, int type, long cookie, long offset, long length) {}

    static byte[] bytes(Object... fields) {
        ByteBuffer buffer = ByteBuffer.allocate(16 << 10);
        for (Object field : fields) {
            if (field instanceof Short number) {
                buffer.putShort(number);
            } else if (field instanceof Integer number) {
                buffer.putInt(number);
            } else if (field instanceof Long number) {
                buffer.putLong(number);
            } else if (field instanceof String text) {
                buffer.put(text.getBytes(StandardCharsets.UTF_8));
            } else {
                buffer.put((byte[]) field);
            }
        }
        byte[] result = new byte[buffer.position()];
        buffer.flip().get(result);
        return result;
    }

    static final class Conversation {
        private final SocketChannel channel;
        private final DataInputStream in;
        private final DataOutputStream out;

        Conversation(SocketChannel channel) {
            this.channel = channel;
            in = new DataInputStream(Channels.newInputStream(channel));
            out = new DataOutputStream(Channels.newOutputStream(channel));
        }

        void send(Object... fields) throws IOException {
            out.write(bytes(fields));
        }

        void disconnect() throws IOException {
            channel.close();
        }

        /** The greeting up to the client's flags. */
        int greet() throws IOException {
            send(NBDMAGIC, IHAVEOPT, (short) 3);
            return in.readInt();
        }

        Option readOption() throws IOException {
            if (in.readLong() != IHAVEOPT) {
                throw new IOException("an option without its magic");
            }
            int number = in.readInt();
            byte[] data = new byte[in.readInt()];
            in.readFully(data);
            return new Option(number, ByteBuffer.wrap(data));
        }

        void answer(int option, int type, byte[] data) throws IOException {
            send(OPTION_REPLY, option, type, data.length, data);
        }

        void grant(long size, int flags) throws IOException {
            answer(GO, INFO, bytes((short) 0, size, (short) flags));
            answer(GO, ACK, new byte[0]);
        }

        /** A whole handshake with structured replies for 1 MiB; contexts get the ids 7, 8, … in the order they were asked for. */
        Map<String, Integer> agree() throws IOException {
            return agree(true, 1 << 20);
        }

        Map<String, Integer> agree(boolean structured, long size) throws IOException {
            Map<String, Integer> contexts = new LinkedHashMap<>();
            greet();
            while (true) {
                Option option = readOption();
                if (option.number() == GO) {
                    grant(size, ALL_FLAGS);
                    return contexts;
                } else if (option.number() == STRUCTURED_REPLY) {
                    answer(STRUCTURED_REPLY, structured ? ACK : ERR_UNSUP, new byte[0]);
                } else if (option.number() == SET_META_CONTEXT) {
                    ByteBuffer data = option.data();
                    data.position(4 + data.getInt(0));
                    for (int left = data.getInt(); left > 0; left--) {
                        byte[] name = new byte[data.getInt()];
                        data.get(name);
                        int id = 7 + contexts.size();
                        contexts.put(new String(name, StandardCharsets.UTF_8), id);
                        answer(SET_META_CONTEXT, META_CONTEXT, bytes(id, name));
                    }
                    answer(SET_META_CONTEXT, ACK, new byte[0]);
                } else {
                    throw new IOException("unexpected option " + option.number());
                }
            }
        }

        Asked readRequest() throws IOException {
            if (in.readInt() != 0x25609513) {
                throw new IOException("a request without its magic");
            }
            return new Asked(
                    in.readUnsignedShort(),
                    in.readUnsignedShort(),
                    in.readLong(),
                    in.readLong(),
                    Integer.toUnsignedLong(in.readInt()));
        }

        void simple(int error, Asked asked) throws IOException {
            send(SIMPLE, error, asked.cookie());
        }

        void chunk(int flags, int type, Asked asked, Object... payload) throws IOException {
            byte[] data = bytes(payload);
            send(STRUCTURED, (short) flags, (short) type, asked.cookie(), data.length, data);
        }

        /** What a well-behaved server does last. */
        void hangUpWhenAsked() throws IOException {
            if (readRequest().type() != DISC) {
                throw new IOException("not NBD_CMD_DISC");
            }
            disconnect();
        }

        void requireEnd() throws IOException {
            if (in.read() >= 0) {
                throw new EOFException("the client went on");
            }
        }
    }
}
