package virtshrink.filesystem.xfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemState;

/** Logs in every position that a ring can be in, put together by hand around the unmount record that mkfs.xfs writes. */
class XfsLogTest {
    private static final int BLOCK = 512;

    @TempDir
    static Path directory;

    private static SealedXfs made;

    @BeforeAll
    static void makeFilesystem() throws IOException {
        Xfsprogs.assumeInstalled();
        made = SealedXfs.load(Xfsprogs.make(
                directory.resolve("image"), 20L << 20, "-d", "agcount=1", "-m", "crc=0", "-l", "size=6m"));
    }

    private static final int BLOCKS = 6 * 2048;

    /** A log in round {@code cycle} whose unmount record, of two blocks, begins at the given block. */
    private static SealedXfs withUnmountAt(int record, long cycle) {
        SealedXfs image = made.copy();
        MemoryDisk disk = image.disk;
        int log = image.logOffset();
        byte[] header = Arrays.copyOfRange(disk.bytes(), log, log + BLOCK);
        byte[] data = Arrays.copyOfRange(disk.bytes(), log + BLOCK, log + 2 * BLOCK);
        int head = record + 2;
        long previous = cycle - 1 == 0xFEEDBABEL ? cycle - 2 : cycle - 1;
        for (int i = 0; i < BLOCKS; i++) {
            boolean newer = head > BLOCKS ? i < head - BLOCKS : i < head;
            disk.u32be(log + i * BLOCK, newer ? cycle : previous);
        }
        long recordCycle = head > BLOCKS ? previous : cycle;
        int at = log + record * BLOCK;
        disk.putBytes(at, header).u32be(at + 4, recordCycle);
        disk.u32be(at + 16, recordCycle).u32be(at + 20, record);
        disk.u32be(at + 24, recordCycle).u32be(at + 28, record);
        int dataAt = log + (record + 1) % BLOCKS * BLOCK;
        disk.putBytes(dataAt, data).u32be(dataAt, cycle);
        return image;
    }

    private static String state(SealedXfs image) {
        return image.read().contractName();
    }

    @ParameterizedTest
    @ValueSource(
            ints = {0, 1, 2, 77, 4095, 4096, 4097, 6000, BLOCKS - 4097, BLOCKS - 4, BLOCKS - 3, BLOCKS - 2, BLOCKS - 1})
    void anUnmountRecordIsFoundWhereverItLies(int record) {
        for (long cycle : new long[] {2, 3, 1000, 0xFEEDBABDL, 0xFEEDBABFL, 0xFEEDBAC0L, 0xfffffff0L}) {
            FilesystemState state = withUnmountAt(record, cycle).read();
            assertInstanceOf(FilesystemState.FreeSpace.class, state, cycle + ": " + state.reasonText());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 77, 5000, BLOCKS - 2})
    void theFirstRoundIsFollowedByZeros(int record) {
        assertEquals("free-space", state(withUnmountAt(record, 1)));
    }

    @Test
    void aLogOfZerosHoldsNothing() {
        SealedXfs image = made.copy();
        int log = image.logOffset();
        Arrays.fill(image.disk.bytes(), log, log + BLOCKS * BLOCK, (byte) 0);
        assertEquals("free-space", state(image));
        image.disk.put(log + 100_000, 1);
        assertEquals("dirty", state(image));
    }

    @ParameterizedTest
    @CsvSource({
        // Behind the record another block of the current round: a write under way.
        "3000, 2, 9",
        "3000, 10, 9",
        "3000, 4000, 9",
        // In front of it one of the round before: a write that never came.
        "3000, -1, 8",
        "3000, -2500, 8",
        "3000, 2, 7",
        "3000, 5, 10",
        "0, -1, 9",
        "0, -1, 7",
        "5000, 1, 8"
    })
    void aBlockOfTheWrongRoundNearTheHeadIsDirty(int record, int behind, long cycle) {
        SealedXfs image = withUnmountAt(record, 9);
        image.disk.u32be(image.logOffset() + Math.floorMod(record + behind, BLOCKS) * BLOCK, cycle);
        assertEquals("dirty", state(image));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0", // no record
        "4, 8", // of another round
        "8, 3", // of another version
        "12, 1024", // longer
        "12, 0",
        "16, 8", // says it is elsewhere
        "20, 2999",
        "24, 10", // a tail that is still to come
        "24, 7",
        "28, 3001",
        "32, 1", // a checksum, which is wrong
        "40, 2", // more than one operation
        "40, 0",
        "304, 1", // of another filesystem
        "320, 65536", // headers for longer records
        "516, 4096", // an operation that is too long
        "520, 0x69200000", // of another client
        "520, 0xaa020000", // that commits
        "520, 0xaa220000",
        "524, 0" // without the type of an unmount
    })
    void aRecordThatIsNoUnmountIsDirty(int at, String value) {
        SealedXfs image = withUnmountAt(3000, 9);
        image.disk.u32be(image.logOffset() + 3000 * BLOCK + at, Long.decode(value));
        assertEquals("dirty", state(image));
    }

    @Test
    void aRecordBehindTheUnmountIsDirty() {
        SealedXfs image = withUnmountAt(3000, 9);
        MemoryDisk disk = image.disk;
        int log = image.logOffset();
        byte[] unmount = Arrays.copyOfRange(disk.bytes(), log + 3000 * BLOCK, log + 3002 * BLOCK);
        int at = log + 3002 * BLOCK;
        disk.putBytes(at, unmount).u32be(at + 20, 3002).u32be(at + 40, 5);
        assertEquals("dirty", state(image));
    }
}
