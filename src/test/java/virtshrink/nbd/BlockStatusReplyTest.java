package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static virtshrink.nbd.ScriptedServer.BLOCK_STATUS;
import static virtshrink.nbd.ScriptedServer.DONE;
import static virtshrink.nbd.ScriptedServer.STRUCTURED;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import virtshrink.block.ByteRange;
import virtshrink.nbd.ScriptedServer.Asked;

/** Extents that break the protocol, and those that do not. */
@Timeout(10)
class BlockStatusReplyTest extends ScriptedReplies {
    @Test
    void extentsForAnUnaskedContextAreBroken() throws IOException {
        isBroken(
                "metadata context id 9",
                ScriptedReplies::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 9, 512, 0));
    }

    @Test
    void extentsForAContextGivenTwiceAreBroken() throws IOException {
        isBroken("has come before", ScriptedReplies::status, (asked, server) -> {
            server.chunk(0, BLOCK_STATUS, asked, 7, 512, 0);
            server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0);
        });
    }

    @Test
    void extentsForOneContextOfTwoAreBroken() throws IOException {
        isBroken(
                "lacks 1 metadata contexts",
                ScriptedReplies::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0));
    }

    @Test
    void anExtentOfNoBytesIsBroken() throws IOException {
        isBroken(
                "an extent of no bytes",
                ScriptedReplies::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 256, 0, 0, 0));
    }

    @Test
    void extentsThatDoNotFillTheirChunkAreBroken() throws IOException {
        isBroken(
                "a block status chunk of 14 bytes",
                ScriptedReplies::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7, 512, 0, (short) 0));
    }

    @Test
    void noExtentsAreBroken() throws IOException {
        isBroken(
                "a block status chunk of 4 bytes",
                ScriptedReplies::status,
                (asked, server) -> server.chunk(DONE, BLOCK_STATUS, asked, 7));
    }

    @Test
    void anAbsurdNumberOfExtentsIsBroken() throws IOException {
        isBroken(
                "a block status chunk of 8388620 bytes",
                ScriptedReplies::status,
                (asked, server) -> server.send(
                        STRUCTURED, (short) DONE, (short) BLOCK_STATUS, asked.cookie(), 4 + 8 * ((1 << 20) + 1), 7));
    }

    @Test
    void aSimpleSuccessWithoutExtentsIsBroken() throws IOException {
        isBroken("a reply without extents", ScriptedReplies::status, (asked, server) -> server.simple(0, asked));
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
        })) {
            NbdClient client = NbdClient.connect(server.socket(), OPTIONS);
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
}
