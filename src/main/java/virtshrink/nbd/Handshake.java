package virtshrink.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The protocol's fixed newstyle handshake: structured replies, metadata contexts, then {@code NBD_OPT_GO}.
 *
 * <p>{@code NBD_OPT_EXPORT_NAME}, which servers before 2017 need, is not tried: it can neither tell block sizes nor errors.
 */
final class Handshake {
    private static final long NBDMAGIC = 0x4e42444d41474943L;
    private static final long IHAVEOPT = 0x49484156454f5054L;
    private static final long REPLY_MAGIC = 0x3e889045565a9L;

    private static final int FLAG_FIXED_NEWSTYLE = 1;
    private static final int FLAG_NO_ZEROES = 1 << 1;

    private static final int OPT_ABORT = 2;
    private static final int OPT_GO = 7;
    private static final int OPT_STRUCTURED_REPLY = 8;
    private static final int OPT_SET_META_CONTEXT = 10;

    private static final int REP_ACK = 1;
    private static final int REP_INFO = 3;
    private static final int REP_META_CONTEXT = 4;
    private static final int REP_ERR_TLS_REQD = 0x8000_0005;
    private static final int REP_ERR_SHUTDOWN = 0x8000_0007;
    private static final List<String> REP_ERR_NAMES = List.of(
            "",
            "UNSUP",
            "POLICY",
            "INVALID",
            "PLATFORM",
            "TLS_REQD",
            "UNKNOWN",
            "SHUTDOWN",
            "BLOCK_SIZE_REQD",
            "TOO_BIG");

    private static final int INFO_EXPORT = 0;
    private static final int INFO_BLOCK_SIZE = 3;

    /** More than any reply that this client asks for: a number and a string. */
    private static final int MOST_REPLY_BYTES = 2 * NbdOptions.LONGEST_STRING_BYTES;

    private final Wire wire;
    private final NbdOptions options;
    private final byte[] exportName;

    Handshake(Wire wire, NbdOptions options) {
        this.wire = wire;
        this.options = options;
        this.exportName = options.exportName().getBytes(StandardCharsets.UTF_8);
    }

    /** @throws NbdRefusedException if the server does not serve the export as needed; the connection is then of no use */
    NbdExport run() throws IOException {
        greet();
        boolean structured = askForStructuredReplies();
        Map<String, Integer> contexts =
                structured && !options.metaContexts().isEmpty() ? askForMetaContexts() : Map.of();
        return go(structured, contexts);
    }

    private void greet() throws IOException {
        long magic = wire.i64();
        if (magic != NBDMAGIC) {
            throw wire.fault("its greeting begins with 0x%016x".formatted(magic));
        }
        long style = wire.i64();
        if (style != IHAVEOPT) {
            throw wire.fault("its greeting is not a newstyle one but 0x%016x".formatted(style));
        }
        int flags = wire.u16();
        if ((flags & FLAG_FIXED_NEWSTYLE) == 0) {
            throw new NbdRefusedException(
                    "NBD server at %s does not speak the fixed newstyle handshake".formatted(wire.socket()));
        }
        wire.send(ByteBuffer.allocate(4)
                .putInt(flags & (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES))
                .flip());
    }

    private boolean askForStructuredReplies() throws IOException {
        sendOption(OPT_STRUCTURED_REPLY, ByteBuffer.allocate(0));
        OptionReply reply = readReply(OPT_STRUCTURED_REPLY);
        if (reply.isError()) {
            refuseIfFinal(reply);
            return false;
        }
        requireAck(reply);
        return true;
    }

    private Map<String, Integer> askForMetaContexts() throws IOException {
        List<byte[]> names = options.metaContexts().stream()
                .map(name -> name.getBytes(StandardCharsets.UTF_8))
                .toList();
        ByteBuffer data = ByteBuffer.allocate(8
                + exportName.length
                + names.stream().mapToInt(name -> 4 + name.length).sum());
        data.putInt(exportName.length).put(exportName).putInt(names.size());
        names.forEach(name -> data.putInt(name.length).put(name));
        sendOption(OPT_SET_META_CONTEXT, data.flip());

        Map<String, Integer> contexts = new HashMap<>();
        OptionReply reply = readReply(OPT_SET_META_CONTEXT);
        // Ends: every round takes a name that was asked for and not yet answered.
        for (; reply.type == REP_META_CONTEXT; reply = readReply(OPT_SET_META_CONTEXT)) {
            if (reply.data.remaining() < 4) {
                throw wire.fault("a metadata context of %d bytes".formatted(reply.data.remaining()));
            }
            int id = reply.data.getInt();
            String name = StandardCharsets.UTF_8.decode(reply.data.duplicate()).toString();
            if (!options.metaContexts().contains(name) || contexts.containsKey(name) || contexts.containsValue(id)) {
                throw wire.fault("metadata context \"%s\" with id %s was not asked for, or answered twice"
                        .formatted(ServerText.of(reply.data), Integer.toUnsignedString(id)));
            }
            contexts.put(name, id);
        }
        if (reply.isError()) {
            refuseIfFinal(reply);
            return Map.of();
        }
        requireAck(reply);
        return contexts;
    }

    private NbdExport go(boolean structured, Map<String, Integer> contexts) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(8 + exportName.length);
        data.putInt(exportName.length).put(exportName).putShort((short) 1).putShort((short) INFO_BLOCK_SIZE);
        sendOption(OPT_GO, data.flip());

        Optional<ExportInfo> export = Optional.empty();
        NbdLimits limits = NbdLimits.DEFAULTS;
        OptionReply reply = readReply(OPT_GO);
        // A server that sends information for ever runs into the handshake's time limit.
        for (; reply.type == REP_INFO; reply = readReply(OPT_GO)) {
            int type = infoType(reply);
            if (type == INFO_EXPORT) {
                export = Optional.of(parseExport(reply));
            } else if (type == INFO_BLOCK_SIZE) {
                limits = parseLimits(reply);
            }
        }
        if (reply.isError()) {
            throw refused(reply);
        }
        requireAck(reply);
        ExportInfo info = export.orElseThrow(() -> wire.fault("NBD_OPT_GO granted without NBD_INFO_EXPORT"));
        return new NbdExport(info.sizeBytes, info.flags, limits, structured, contexts);
    }

    private int infoType(OptionReply reply) throws NbdProtocolException {
        if (reply.data.remaining() < 2) {
            throw wire.fault("an NBD_REP_INFO of %d bytes".formatted(reply.data.remaining()));
        }
        return Short.toUnsignedInt(reply.data.getShort());
    }

    private ExportInfo parseExport(OptionReply reply) throws NbdProtocolException {
        if (reply.data.remaining() != 10) {
            throw wire.fault("an NBD_INFO_EXPORT of %d bytes, not 12".formatted(reply.data.remaining() + 2));
        }
        long sizeBytes = reply.data.getLong();
        int flags = Short.toUnsignedInt(reply.data.getShort());
        if (sizeBytes < 0) {
            throw wire.fault("an export of %s bytes".formatted(Long.toUnsignedString(sizeBytes)));
        }
        if ((flags & NbdExport.FLAG_HAS_FLAGS) == 0) {
            throw wire.fault("transmission flags 0x%04x lack NBD_FLAG_HAS_FLAGS".formatted(flags));
        }
        return new ExportInfo(sizeBytes, flags);
    }

    private NbdLimits parseLimits(OptionReply reply) throws NbdProtocolException {
        if (reply.data.remaining() != 12) {
            throw wire.fault("an NBD_INFO_BLOCK_SIZE of %d bytes, not 14".formatted(reply.data.remaining() + 2));
        }
        int minimum = reply.data.getInt();
        int preferred = reply.data.getInt();
        long maximum = Integer.toUnsignedLong(reply.data.getInt());
        try {
            return new NbdLimits(minimum, preferred, maximum);
        } catch (IllegalArgumentException e) {
            throw wire.fault(String.valueOf(e.getMessage()));
        }
    }

    private void sendOption(int option, ByteBuffer data) {
        wire.send(ByteBuffer.allocate(16 + data.remaining())
                .putLong(IHAVEOPT)
                .putInt(option)
                .putInt(data.remaining())
                .put(data)
                .flip());
    }

    private OptionReply readReply(int option) throws IOException {
        long magic = wire.i64();
        if (magic != REPLY_MAGIC) {
            throw wire.fault("an option reply with magic 0x%016x".formatted(magic));
        }
        int answered = wire.i32();
        int type = wire.i32();
        long lengthBytes = wire.u32();
        if (answered != option) {
            throw wire.fault(
                    "a reply to option %s instead of %d".formatted(Integer.toUnsignedString(answered), option));
        }
        if (lengthBytes > MOST_REPLY_BYTES) {
            throw wire.fault("a reply of %d bytes to option %d".formatted(lengthBytes, option));
        }
        ByteBuffer data = ByteBuffer.allocate((int) lengthBytes);
        wire.bytes(data);
        return new OptionReply(option, type, data.flip());
    }

    private void requireAck(OptionReply reply) throws NbdProtocolException {
        if (reply.type != REP_ACK || reply.data.hasRemaining()) {
            throw wire.fault("a reply of type %d and %d bytes ends option %d"
                    .formatted(reply.type, reply.data.remaining(), reply.option));
        }
    }

    /** Most errors mean that the server lacks what was asked for; after these two it would refuse everything else as well. */
    private void refuseIfFinal(OptionReply reply) throws NbdRefusedException {
        if (reply.type == REP_ERR_TLS_REQD || reply.type == REP_ERR_SHUTDOWN) {
            throw refused(reply);
        }
    }

    private NbdRefusedException refused(OptionReply reply) {
        sendOption(OPT_ABORT, ByteBuffer.allocate(0));
        int number = reply.type & 0x7fff_ffff;
        String name = number > 0 && number < REP_ERR_NAMES.size() ? REP_ERR_NAMES.get(number) : "number " + number;
        String text = ServerText.of(reply.data);
        return new NbdRefusedException("NBD server at %s refuses export \"%s\": NBD_REP_ERR_%s%s"
                .formatted(wire.socket(), options.exportName(), name, text.isEmpty() ? "" : " (" + text + ")"));
    }

    private record ExportInfo(long sizeBytes, int flags) {}

    private record OptionReply(int option, int type, ByteBuffer data) {
        boolean isError() {
            return type < 0;
        }
    }
}
