package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertThrows;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import virtshrink.nbd.ScriptedServer.Asked;

/** One test for each way in which a reply can break the protocol. */
@Timeout(10)
class BrokenReplyTest extends ScriptedReplies {
    @Test
    void anUnknownMagicIsBroken() throws IOException {
        isBroken("magic 0x12345678", ScriptedReplies::read, (asked, server) -> server.send(0x12345678, 0, 0L));
    }

    @Test
    void aChunkWithoutLeaveIsBroken() throws IOException {
        fails(
                NbdProtocolException.class,
                "structured reply without leave",
                false,
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH]));
    }

    @Test
    void aWrongCookieIsBroken() throws IOException {
        isBroken(
                "cookie 99",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, NONE, new Asked(0, 0, 99, 0, 0)));
    }

    @Test
    void aWrongCookieInASimpleReplyIsBroken() throws IOException {
        isBroken("cookie 18446744073709551615", ScriptedReplies::zero, (asked, server) -> server.send(SIMPLE, 0, -1L));
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
        isBroken("a simple reply to NBD_CMD_READ", ScriptedReplies::read, (asked, server) -> {
            server.simple(0, asked);
            server.send((Object) new byte[LENGTH]);
        });
    }

    @Test
    void anUnknownChunkTypeIsBroken() throws IOException {
        isBroken(
                "a chunk of type 77",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, 77, asked, new byte[16]));
    }

    @Test
    void extentsInReplyToAReadAreBroken() throws IOException {
        isBroken(
                "a chunk of type 5",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0));
    }

    @Test
    void dataInReplyToZeroingIsBroken() throws IOException {
        isBroken(
                "a chunk of type 1 in reply to NBD_CMD_WRITE_ZEROES",
                ScriptedReplies::zero,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH]));
    }

    @Test
    void anOversizedDataChunkIsBroken() throws IOException {
        isBroken(
                "a data chunk of 521 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH + 1]));
    }

    @Test
    void anAbsurdChunkLengthIsBrokenBeforeAnythingIsRead() throws IOException {
        isBroken(
                "a data chunk of 4294967295 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.send(STRUCTURED, (short) DONE, (short) OFFSET_DATA, asked.cookie(), -1));
    }

    @Test
    void aDataChunkWithoutDataIsBroken() throws IOException {
        isBroken(
                "a data chunk of 8 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET));
    }

    @Test
    void aShortPayloadIsBroken() throws IOException {
        isBroken(
                "without all its bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET, new byte[LENGTH - 1]));
    }

    @Test
    void aMissingMiddleIsBroken() throws IOException {
        isBroken("without all its bytes", ScriptedReplies::read, (asked, server) -> {
            server.chunk(0, OFFSET_DATA, asked, OFFSET, new byte[100]);
            server.chunk(DONE, OFFSET_DATA, asked, OFFSET + 101, new byte[LENGTH - 101]);
        });
    }

    @Test
    void aReadAnsweredWithNothingIsBroken() throws IOException {
        isBroken("without all its bytes", ScriptedReplies::read, (asked, server) -> server.chunk(DONE, NONE, asked));
    }

    @Test
    void anEmptyChunkThatIsNotTheLastIsBroken() throws IOException {
        isBroken("that is not the last", ScriptedReplies::read, (asked, server) -> server.chunk(0, NONE, asked));
    }

    @Test
    void anEmptyChunkWithContentIsBroken() throws IOException {
        isBroken(
                "an empty chunk of 4 bytes",
                ScriptedReplies::zero,
                (asked, server) -> server.chunk(DONE, NONE, asked, 0));
    }

    @Test
    void overlappingChunksAreBroken() throws IOException {
        isBroken("overlapping", ScriptedReplies::read, (asked, server) -> {
            server.chunk(0, OFFSET_DATA, asked, OFFSET, new byte[300]);
            server.chunk(DONE, OFFSET_DATA, asked, OFFSET + 299, new byte[213]);
        });
    }

    @Test
    void aHoleOverLaterDataIsBroken() throws IOException {
        isBroken("overlapping", ScriptedReplies::read, (asked, server) -> {
            server.chunk(0, OFFSET_DATA, asked, OFFSET + 256, new byte[16]);
            server.chunk(DONE, OFFSET_HOLE, asked, OFFSET, 512);
        });
    }

    @Test
    void dataBeforeTheRequestIsBroken() throws IOException {
        isBroken(
                "512 bytes at offset 1023",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET - 1, new byte[LENGTH]));
    }

    @Test
    void dataBeyondTheRequestIsBroken() throws IOException {
        isBroken(
                "512 bytes at offset 1025",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, OFFSET + 1, new byte[LENGTH]));
    }

    @Test
    void dataAtAnOffsetThatOverflowsIsBroken() throws IOException {
        isBroken(
                "512 bytes at offset 18446744073709551615",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_DATA, asked, -1L, new byte[LENGTH]));
    }

    @Test
    void aHoleBeyondTheRequestIsBroken() throws IOException {
        isBroken(
                "4294967295 bytes at offset 1024",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_HOLE, asked, OFFSET, -1));
    }

    @Test
    void aHoleOfNothingIsBroken() throws IOException {
        isBroken(
                "0 bytes at offset 1024",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_HOLE, asked, OFFSET, 0));
    }

    @Test
    void aHoleOfTheWrongLengthIsBroken() throws IOException {
        isBroken(
                "a hole chunk of 8 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, OFFSET_HOLE, asked, OFFSET));
    }

    @Test
    void aHugeErrorMessageIsBroken() throws IOException {
        isBroken(
                "a message of 65535 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, ERROR, asked, 5, (short) -1, new byte[5000]));
    }

    @Test
    void aHugeErrorChunkIsBroken() throws IOException {
        isBroken(
                "an error chunk of 1073741824 bytes",
                ScriptedReplies::read,
                (asked, server) ->
                        server.send(STRUCTURED, (short) DONE, (short) ERROR, asked.cookie(), 1 << 30, 5, (short) 10));
    }

    @Test
    void anErrorMessageLongerThanItsChunkIsBroken() throws IOException {
        isBroken(
                "a message of 11 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, ERROR, asked, 5, (short) 11, "ten bytes."));
    }

    @Test
    void anErrorOfZeroIsBroken() throws IOException {
        isBroken(
                "with error 0",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, ERROR, asked, 0, (short) 0));
    }

    @Test
    void anErrorWithoutItsOffsetIsBroken() throws IOException {
        isBroken(
                "an error chunk of 6 bytes",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, ERROR_OFFSET, asked, 5, (short) 0));
    }

    @Test
    void anErrorOutsideTheRequestIsBroken() throws IOException {
        isBroken(
                "an error at offset 4096",
                ScriptedReplies::read,
                (asked, server) -> server.chunk(DONE, ERROR_OFFSET, asked, 5, (short) 0, 4096L));
    }
}
