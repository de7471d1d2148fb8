package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;

/** What the reader says of a filesystem with a full journal is what e2fsck makes of it by replaying that journal. */
class ExtReplayTest {
    @TempDir
    Path directory;

    @BeforeAll
    static void needsToolsAndRoot() {
        CrashedExt.assumePossible();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            -t ext3 -b 1024 -J size=1              | rw
            -t ext3 -b 4096 -J size=4              | rw
            -t ext4 -b 4096 -J size=4              | rw
            -t ext4 -b 1024 -J size=1              | rw
            -t ext4 -b 1024 -O ^64bit              | rw
            -t ext4 -b 1024 -O ^metadata_csum,64bit -J size=1 | rw
            -t ext4 -b 4096 -O ^metadata_csum -J size=4 | rw,journal_checksum
            -t ext4 -b 4096 -O ^metadata_csum -J size=4 | rw,journal_async_commit,data=writeback
            -t ext4 -b 1024 -J size=2              | rw,data=journal
            -t ext4 -b 4096 -C 16384 -O bigalloc -J size=4 | rw
            -t ext4 -b 1024 -O meta_bg,^resize_inode | rw
            -t ext4 -b 1024 -O orphan_file         | rw
            """)
    void foretellsWhatAReplayMakesOfIt(String makeOptions, String mountOptions) throws IOException {
        for (long seed = 0; seed < Integer.getInteger("rounds", 2); seed++) {
            Path crashed = CrashedExt.crash(directory.resolve("image" + seed), makeOptions, mountOptions, seed, 150);
            FilesystemState state = read(crashed);
            Path replayed = directory.resolve("replayed" + seed);
            CrashedExt.copy(crashed, replayed);
            System.err.println(E2fsprogs.run(List.of("dumpe2fs", "-h", crashed.toString()))
                    .lines()
                    .filter(l -> l.startsWith("Filesystem state") || l.startsWith("Journal"))
                    .toList());
            E2fsprogs.run(List.of("debugfs", "-w", "-R", "journal_run", replayed.toString()));
            E2fsprogs.Dump expected = E2fsprogs.dump(replayed);
            FilesystemState.FreeSpace space = assertInstanceOf(
                    FilesystemState.FreeSpace.class, state, "seed " + seed + ": " + state.reasonText());
            System.err.println(space.replayed());
            assertEquals(expected.free(), space.free(), "seed " + seed);
            assertEquals(expected.free().totalBytes(), space.freeBytes());
        }
    }

    private static FilesystemState read(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return ExtReader.replayingJournals().read(volume).state();
        }
    }
}
