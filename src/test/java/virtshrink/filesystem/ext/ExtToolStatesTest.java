package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.block.ByteRange;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

/** States as the filesystem's own tools make them: unfinished, resized, converted, named. */
class ExtToolStatesTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        E2fsprogs.assumeInstalled();
    }

    @ParameterizedTest
    @CsvSource({
        "feature needs_recovery, the journal needs recovery",
        "set_super_value state 0, not cleanly unmounted",
        "set_super_value state 3, marked as containing errors",
        "set_super_value last_orphan 12, the list of orphan inodes is in use",
        "feature FEATURE_R16, the orphan file is in use"
    })
    void anUnfinishedGuestIsSeen(String request, String reason) throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 * MIB, "-t", "ext4");
        E2fsprogs.debug(image, List.of(request));
        FilesystemState state = read(image).state();
        assertInstanceOf(FilesystemState.Dirty.class, state);
        assertTrue(state.reasonText().startsWith(reason), state.reasonText());
    }

    @ParameterizedTest
    @CsvSource({
        "feature FEATURE_I11, unknown feature: incompat bit 0x800",
        "feature FEATURE_R14, feature shared_blocks (ro_compat bit 0x4000) is not supported",
        "feature FEATURE_R30, unknown feature: ro_compat bit 0x40000000",
        "feature read-only, feature read-only (ro_compat bit 0x1000) is not supported"
    })
    void anUnknownFeatureIsNamed(String request, String reason) throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 * MIB, "-t", "ext4");
        E2fsprogs.debug(image, List.of(request));
        assertEquals(new FilesystemState.Unsupported(reason), read(image).state());
    }

    @Test
    void anExternalJournalAndItsFilesystemAreLeftAlone() throws IOException {
        Path journal = directory.resolve("journal");
        E2fsprogs.make(journal, 8 * MIB, "-O", "journal_dev", "-b", "1024", "-L", "log");
        FilesystemReport report = read(journal);
        assertEquals("jbd", report.identity().type());
        assertEquals("log", report.identity().label());
        assertEquals(new FilesystemState.Unsupported("external journal of another filesystem"), report.state());

        Path image = directory.resolve("image");
        E2fsprogs.make(image, 8 * MIB, "-t", "ext4", "-b", "1024", "-O", "^has_journal");
        E2fsprogs.debug(image, List.of("feature has_journal", "set_super_value journal_dev 0x801"));
        assertEquals(
                new FilesystemState.Unsupported("its journal lies on another device"),
                read(image).state());
    }

    @Test
    void aJournalThatHoldsTransactionsIsSeenWithoutTheFlag() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 * MIB, "-t", "ext4");
        Path data = Files.write(directory.resolve("data"), new byte[4096]);
        E2fsprogs.debug(image, List.of("jo -c", "jw -b 1000 " + data, "jc", "feature -needs_recovery"));
        FilesystemState state = read(image).state();
        assertTrue(
                state instanceof FilesystemState.Dirty dirty
                        && dirty.reason().startsWith("the journal holds transactions"),
                state.toString());
    }

    @ParameterizedTest
    @CsvSource({"40, 16", "16, 40", "16, 4000", "1000, 100"})
    void resizedOfflineItIsAsExactAsBefore(long fromMib, long toMib) throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, fromMib * MIB, "-t", "ext4", "-b", "1024");
        E2fsprogs.run(List.of("truncate", "-s", ">" + toMib + "M", image.toString()));
        E2fsprogs.run(List.of("resize2fs", "-f", image.toString(), toMib + "M"));
        assertExact(image);
    }

    @ParameterizedTest
    @CsvSource({"-O ^metadata_csum", "-O metadata_csum_seed", "-O ^has_journal", "-O mmp", "-U random", "-L new", "-r 5"
    })
    void changedByTune2fsItIsAsExactAsBefore(String change) throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 32 * MIB, "-t", "ext4", "-b", "1024");
        String[] words = change.split(" ", -1);
        E2fsprogs.run(List.of("tune2fs", "-f", words[0], words[1], image.toString()));
        assertExact(image);
    }

    @Test
    void afterAChangeThatAsksForACheckItIsDirtyUntilTheCheck() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 32 * MIB, "-t", "ext4", "-b", "1024");
        E2fsprogs.run(List.of("tune2fs", "-O", "^resize_inode", image.toString()));
        assertEquals(
                new FilesystemState.Dirty("not cleanly unmounted: start the guest and shut it down"),
                read(image).state());
        E2fsprogs.check(image, "-fy");
        assertExact(image);
    }

    @Test
    void convertedTo64BitItIsAsExactAsBefore() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 64 * MIB, "-t", "ext4", "-b", "1024", "-O", "^64bit,^resize_inode");
        E2fsprogs.run(List.of("resize2fs", "-b", image.toString()));
        assertExact(image);
    }

    @Test
    void aFilesystemLargerThanItsVolumeIsLeftAlone() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 * MIB, "-t", "ext2", "-b", "4096");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            FilesystemState state = new ExtReader()
                    .read(volume.slice(new ByteRange(0, 16 * MIB - 1)))
                    .state();
            assertInstanceOf(FilesystemState.Corrupt.class, state);
        }
    }

    @Test
    void moreRangesThanTheBoundKeepTheCountAndLoseTheShortest() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 3072 * MIB, "-t", "ext2", "-b", "1024", "-N", "4096", "-m", "0", "-O", "^resize_inode");
        long freed = everyOtherBlock(image);
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            FilesystemState state = new ExtReader().read(volume).state();
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, state, state.reasonText());
            assertEquals(freed * 1024, space.freeBytes());
            assertTrue(space.free().size() <= 1 << 19, "bounded");
            assertTrue(space.free().totalBytes() < space.freeBytes());
            assertTrue(E2fsprogs.dump(image).free().intersect(space.free()).equals(space.free()));
        }
    }

    /** Marks every other free block of an ext2 filesystem used, and makes the counts right again. */
    private static long everyOtherBlock(Path image) throws IOException {
        try (FileChannel file = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer head = ByteBuffer.allocate(64 << 10).order(ByteOrder.LITTLE_ENDIAN);
            file.read(head, 0);
            int blocks = head.getInt(1024 + 4);
            int groups = (blocks - 1 + 8191) / 8192;
            long total = 0;
            for (int group = 0; group < groups; group++) {
                int descriptor = 2048 + 32 * group;
                ByteBuffer bitmap = ByteBuffer.allocate(1024);
                long at = head.getInt(descriptor) * 1024L;
                file.read(bitmap, at);
                int free = 0;
                for (int i = 0; i < 1024; i++) {
                    bitmap.put(i, (byte) (bitmap.get(i) | 0x55));
                    free += 8 - Integer.bitCount(bitmap.get(i) & 0xff);
                }
                file.write(bitmap.rewind(), at);
                head.putShort(descriptor + 0xC, (short) free);
                total += free;
            }
            head.putInt(1024 + 0xC, (int) total);
            file.write(head.rewind().limit(2048 + 32 * groups), 0);
            return total;
        }
    }

    private static void assertExact(Path image) throws IOException {
        E2fsprogs.Dump expected = E2fsprogs.dump(image);
        FilesystemState state = read(image).state();
        assertEquals(new FilesystemState.FreeSpace(expected.freeBytes(), expected.free()), state, state.reasonText());
    }

    private static FilesystemReport read(Path file) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(file)) {
            return new ExtReader().read(volume);
        }
    }
}
