package virtshrink.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class CachedBlockSourceTest {
    private static final int SIZE_BYTES = 40 * CachedBlockSource.CHUNK_BYTES + 1234;

    private final byte[] content = new byte[SIZE_BYTES];
    private final CountingSource counting = new CountingSource();
    private final BlockSource cached = new CachedBlockSource(counting);

    CachedBlockSourceTest() {
        new Random(7).nextBytes(content);
    }

    private final class CountingSource implements BlockSource {
        private int reads;
        private boolean broken;

        @Override
        public long sizeBytes() {
            return SIZE_BYTES;
        }

        @Override
        public void read(long offsetBytes, ByteBuffer destination) throws IOException {
            reads++;
            if (broken) {
                throw new IOException("broken");
            }
            destination.put(content, (int) offsetBytes, destination.remaining());
        }
    }

    private void assertReads(int offset, int length) throws IOException {
        assertArrayEquals(
                Arrays.copyOfRange(content, offset, offset + length),
                cached.read(offset, length).array());
    }

    @Test
    void everyReadBringsTheSourcesBytes() throws IOException {
        Random random = new Random(11);
        for (int i = 0; i < 5000; i++) {
            int length = random.nextInt(3 * CachedBlockSource.MOST_CACHED_BYTES);
            assertReads(random.nextInt(SIZE_BYTES - length + 1), length);
        }
    }

    @Test
    void neighboursAreReadOnce() throws IOException {
        assertReads(512, 512);
        assertReads(1024, 1024);
        assertReads(0x8000, 2048);
        assertEquals(1, counting.reads);
    }

    @Test
    void readAcrossTwoChunksIsWhole() throws IOException {
        assertReads(CachedBlockSource.CHUNK_BYTES - 100, 200);
        assertEquals(2, counting.reads);
    }

    @Test
    void longReadsPassThrough() throws IOException {
        assertReads(100, CachedBlockSource.MOST_CACHED_BYTES + 1);
        assertReads(100, CachedBlockSource.MOST_CACHED_BYTES + 1);
        assertEquals(2, counting.reads);
    }

    @Test
    void lastPartialChunkIsReadToTheEndAndNotBeyond() throws IOException {
        assertReads(SIZE_BYTES - 512, 512);
        assertReads(SIZE_BYTES, 0);
        assertThrows(EOFException.class, () -> cached.read(SIZE_BYTES - 511, 512));
        assertThrows(EOFException.class, () -> cached.read(-1, 1));
    }

    @Test
    void failedReadIsNotRemembered() throws IOException {
        counting.broken = true;
        assertThrows(IOException.class, () -> cached.read(0, 512));
        counting.broken = false;
        assertReads(0, 512);
    }

    @Test
    void onlyTheLastChunksAreKept() throws IOException {
        for (int round = 0; round < 2; round++) {
            for (int chunk = 0; chunk < 40; chunk++) {
                assertReads(chunk * CachedBlockSource.CHUNK_BYTES, 16);
            }
        }
        assertEquals(80, counting.reads);
    }
}
