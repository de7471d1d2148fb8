package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

/** Every feature that moves a block, in filesystems from empty to full: the reader says what dumpe2fs says, to the byte. */
class ExtMatrixTest {
    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;
    private static final long TIB = 1L << 40;

    @TempDir
    Path directory;

    enum Content {
        EMPTY,
        /** Some files. */
        USED,
        /** Many files, every other one deleted. */
        FRAGMENTED,
        /** No block left. */
        FULL
    }

    record Image(long sizeBytes, Content content, String type, String options) {
        @Override
        public String toString() {
            return "%d KiB, %s, %s".formatted(sizeBytes / KIB, content, options);
        }
    }

    private static Image image(long sizeBytes, Content content, String type, String options) {
        return new Image(sizeBytes, content, type, options);
    }

    static Stream<Image> images() {
        return Stream.of(
                image(MIB, Content.EMPTY, "ext2", "-t ext2"),
                image(MIB, Content.FULL, "ext2", "-t ext2 -b 1024"),
                image(64 * KIB, Content.EMPTY, "ext2", "-t ext2 -b 1024 -N 16"),
                image(5 * MIB, Content.USED, "ext2", "-t ext2 -r 0 -O none"),
                image(9 * MIB + 3 * KIB, Content.FRAGMENTED, "ext2", "-t ext2 -b 1024"),
                image(40 * MIB, Content.FRAGMENTED, "ext2", "-t ext2 -b 1024 -O ^resize_inode,^sparse_super"),
                image(33 * MIB, Content.USED, "ext2", "-t ext2 -b 2048 -g 1024"),
                image(12 * MIB, Content.USED, "ext3", "-t ext3 -b 1024"),
                image(70 * MIB, Content.FRAGMENTED, "ext3", "-t ext3 -b 4096"),
                image(20 * MIB, Content.USED, "ext3", "-t ext3 -b 1024 -g 2048 -O meta_bg,^resize_inode"),
                image(MIB, Content.EMPTY, "ext4", "-t ext4 -b 1024 -O ^has_journal"),
                image(8 * MIB, Content.FULL, "ext4", "-t ext4"),
                image(64 * MIB, Content.EMPTY, "ext4", "-t ext4"),
                image(
                        64 * MIB,
                        Content.USED,
                        "ext4",
                        "-t ext4 -L label-of-16-byte -U 00112233-4455-6677-8899-AABBCCDDEEFF"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 2048"),
                image(128 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 8192"),
                image(200 * MIB, Content.USED, "ext4", "-t ext4 -b 16384"),
                image(400 * MIB, Content.USED, "ext4", "-t ext4 -b 32768"),
                image(600 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 65536"),
                image(5 * GIB, Content.USED, "ext4", "-t ext4 -b 65536"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -O ^64bit"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -O ^flex_bg"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -O ^flex_bg,^64bit,^metadata_csum"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit,^flex_bg"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -O ^metadata_csum,^uninit_bg"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -O ^metadata_csum,^uninit_bg,^64bit"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -O metadata_csum_seed"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -O meta_bg,^resize_inode"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -g 512 -O meta_bg,^resize_inode,^flex_bg"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -O sparse_super2 -E num_backup_sb=2"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -O sparse_super2 -E num_backup_sb=0"),
                image(
                        64 * MIB,
                        Content.USED,
                        "ext4",
                        "-t ext4 -b 1024 -O sparse_super2,^resize_inode -E num_backup_sb=1"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -E packed_meta_blocks=1"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -G 2"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -G 64 -O ^resize_inode"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 4096 -g 2048 -E resize=4G"),
                image(65 * MIB + 5 * KIB, Content.USED, "ext4", "-t ext4 -b 1024 -g 4096"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 4096 -C 16384 -O bigalloc"),
                image(64 * MIB, Content.FRAGMENTED, "ext4", "-t ext4 -b 1024 -C 16384 -O bigalloc"),
                image(300 * MIB, Content.USED, "ext4", "-t ext4 -b 1024 -C 2048 -g 4096 -O bigalloc"),
                image(
                        300 * MIB,
                        Content.USED,
                        "ext4",
                        "-t ext4 -b 1024 -C 4096 -g 4096 -O bigalloc,meta_bg,^resize_inode"),
                image(900 * MIB, Content.USED, "ext4", "-t ext4 -b 4096 -C 65536 -O bigalloc,^metadata_csum,uninit_bg"),
                image(300 * MIB, Content.FULL, "ext4", "-t ext4 -b 4096 -C 1048576 -O bigalloc"),
                image(64 * MIB, Content.EMPTY, "ext4", "-t ext4 -b 1024 -O mmp -E mmp_update_interval=1"),
                image(
                        64 * MIB,
                        Content.USED,
                        "ext4",
                        "-t ext4 -O quota,project -E quotatype=usrquota:grpquota:prjquota"),
                image(
                        64 * MIB,
                        Content.USED,
                        "ext4",
                        "-t ext4 -O inline_data,ea_inode,large_dir,encrypt,verity -I 512"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -O casefold,stable_inodes,fast_commit"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -O orphan_file"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -I 128 -N 100000"),
                image(64 * MIB, Content.USED, "ext4", "-t ext4 -b 4096 -I 4096 -N 16"),
                image(40 * GIB, Content.USED, "ext4", "-t ext4 -E lazy_itable_init=1,lazy_journal_init=1"),
                image(40 * GIB, Content.EMPTY, "ext4", "-t ext4 -O ^flex_bg,^has_journal -E lazy_itable_init=1"),
                image(2 * TIB, Content.EMPTY, "ext4", "-t ext4 -m 0 -b 65536 -O ^has_journal -E lazy_itable_init=1"),
                image(
                        300 * GIB,
                        Content.EMPTY,
                        "ext4",
                        "-t ext4 -O meta_bg,^resize_inode,^has_journal -E lazy_itable_init=1"));
    }

    @BeforeAll
    static void needsTools() {
        E2fsprogs.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheFilesystemsOwnToolSays(Image image) throws IOException {
        Path file = directory.resolve("image");
        E2fsprogs.make(file, image.sizeBytes(), image.options().split(" ", -1));
        fill(file, image.content());

        E2fsprogs.Dump expected = E2fsprogs.dump(file);
        FilesystemReport report = read(file);
        FilesystemState.FreeSpace space =
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        assertEquals(expected.freeBytes(), space.freeBytes());
        assertEquals(expected.free(), space.free());
        assertEquals(image.type(), report.identity().type());
        assertEquals(expected.blockBytes(), report.identity().blockBytes());
        assertEquals(
                expected.blocks() * expected.blockBytes(), report.identity().totalBytes());
        if (image.content() == Content.FULL) {
            assertEquals(0, space.freeBytes());
        }
        if (image.options().contains("-L ")) {
            assertEquals("label-of-16-byte", report.identity().label());
            assertEquals(
                    "00112233-4455-6677-8899-aabbccddeeff", report.identity().uuid());
        }
    }

    private void fill(Path file, Content content) throws IOException {
        if (content == Content.EMPTY) {
            return;
        }
        Path data = directory.resolve("data");
        List<String> requests = new ArrayList<>();
        Random random = new Random(content.name().length());
        if (content == Content.FULL) {
            byte[] bytes = new byte[(int) MIB];
            random.nextBytes(bytes);
            Files.write(data, bytes);
            long left = E2fsprogs.dump(file).freeBytes();
            // debugfs stops at the first block that it cannot have; ever smaller files take what is left.
            for (int i = 0; left > -MIB; i++, left -= MIB) {
                requests.add("write " + data + " full" + i);
            }
            Path small = directory.resolve("small");
            Files.write(small, new byte[1]);
            for (int i = 0; i < 64; i++) {
                requests.add("write " + small + " small" + i);
            }
        } else {
            int files = content == Content.FRAGMENTED ? 120 : 12;
            for (int i = 0; i < files; i++) {
                Path some = directory.resolve("data" + i % 7);
                byte[] bytes = new byte[1 + random.nextInt(60_000)];
                random.nextBytes(bytes);
                Files.write(some, bytes);
                requests.add("write " + some + " file" + i);
            }
            for (int i = 0; content == Content.FRAGMENTED && i < files; i += 2) {
                requests.add("rm file" + i);
            }
        }
        E2fsprogs.debug(file, requests);
    }

    private static FilesystemReport read(Path file) throws IOException {
        ExtReader reader = new ExtReader();
        try (FileBlockSource volume = FileBlockSource.open(file)) {
            assertTrue(reader.recognises(volume));
            return reader.read(volume);
        }
    }
}
