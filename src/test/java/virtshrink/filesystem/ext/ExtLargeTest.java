package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;

class ExtLargeTest {
    private static final long ALMOST_16_TIB = (16L << 40) - 65536;

    @TempDir
    Path directory;

    @Test
    void sixteenTebibytesTakeLessThanFiveSeconds() throws IOException {
        E2fsprogs.assumeInstalled();
        Assumptions.assumeTrue(
                Files.getFileStore(directory).getUsableSpace() > 1L << 30,
                "less than 1 GiB of room for a sparse image");
        Path image = directory.resolve("image");
        E2fsprogs.make(
                image,
                ALMOST_16_TIB,
                "-t",
                "ext4",
                "-E",
                "lazy_itable_init=1,lazy_journal_init=1,nodiscard,num_backup_sb=1",
                "-O",
                "sparse_super2,^resize_inode");
        long freeBlocks = E2fsprogs.run(List.of("dumpe2fs", "-h", image.toString()))
                .lines()
                .filter(line -> line.startsWith("Free blocks:"))
                .mapToLong(line ->
                        Long.parseLong(line.substring("Free blocks:".length()).trim()))
                .findFirst()
                .orElseThrow();
        long begun = System.nanoTime();
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            FilesystemState.FreeSpace space = assertInstanceOf(
                    FilesystemState.FreeSpace.class,
                    new ExtReader().read(volume).state());
            long millis = (System.nanoTime() - begun) / 1_000_000;
            assertEquals(freeBlocks * 4096, space.freeBytes());
            assertEquals(space.freeBytes(), space.free().totalBytes());
            assertTrue(millis < 5000, millis + " ms");
        }
    }

    @Test
    void aMillionTinyGroupsFullOfHolesAreExactAndBounded() throws IOException {
        TinyGroupsVolume volume = new TinyGroupsVolume((int) ExtGroupTable.MOST_GROUPS);
        FilesystemState state = assertTimeout(
                Duration.ofSeconds(30), () -> new ExtReader().read(volume).state());
        FilesystemState.FreeSpace space = assertInstanceOf(FilesystemState.FreeSpace.class, state, state.reasonText());
        assertEquals(volume.freeBytes(), space.freeBytes());
        assertTrue(space.free().size() <= 1 << 19, space.free().toString());
    }

    @Test
    void moreGroupsAreLeftAlone() throws IOException {
        TinyGroupsVolume volume = new TinyGroupsVolume((int) ExtGroupTable.MOST_GROUPS + 1);
        assertEquals(
                new FilesystemState.Unsupported("1048577 block groups, more than 1048576 are not supported"),
                new ExtReader().read(volume).state());
    }
}
