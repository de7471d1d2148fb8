package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.block.CountingSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.f2fs.HalfFullF2fs;
import virtshrink.filesystem.fat.HalfFullFat;

/**
 * What an inspection costs grows with a filesystem's metadata, not with its disk: time, requests, bytes and heap are printed for each, nearly
 * empty and half full. Small ones unless {@code -Dvirtshrink.large=true}, which makes them 1 TiB large in sparse files.
 */
class LargeFilesystemsTest {
    private static final boolean LARGE = Boolean.getBoolean("virtshrink.large");
    private static final long BYTES = LARGE ? 1L << 40 : 8L << 30;
    private static final long MOST_BYTES_READ = LARGE ? 1L << 30 : 64L << 20;
    private static final int FILES = 320;

    @TempDir
    Path directory;

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "ext4, e2fsprogs, mke2fs -q -F -t ext4 -E lazy_itable_init=1",
        "xfs, xfsprogs, mkfs.xfs -q -f -K -l size=64m",
        "btrfs, btrfs-progs, mkfs.btrfs -q -f -K",
        "ntfs, ntfs-3g, mkntfs -q -F -Q",
        "vfat, dosfstools, mkfs.fat -F 32 -s 128",
        "exfat, exfatprogs, mkfs.exfat",
        "f2fs, f2fs-tools, mkfs.f2fs -q -t 0"
    })
    void costsWhatTheMetadataCost(String type, String debianPackage, String make) throws IOException {
        List<String> command = new ArrayList<>(List.of(make.split(" ", -1)));
        ExternalTool.assume(command.get(0), debianPackage);
        Path image = ExternalTool.sparse(directory.resolve("large"), BYTES);
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        measure(type, "nearly empty", image);
        if (LARGE) {
            switch (type) {
                case "ntfs" -> fillNtfs(image);
                case "vfat" -> HalfFullFat.fat32(image);
                case "exfat" -> HalfFullFat.exfat(image);
                case "f2fs" -> HalfFullF2fs.make(image);
                default -> fill(image);
            }
            measure(type, "half full", image);
        }
    }

    private static void measure(String type, String fill, Path image) throws IOException {
        // Once before, so that classes are loaded and the file's metadata known.
        for (int run = 0; run < 2; run++) {
            try (FileBlockSource file = FileBlockSource.open(image)) {
                CountingSource counting = new CountingSource(file);
                long began = System.nanoTime();
                DiskInspection inspection = DiskInspector.standard().inspect(counting, "sda", 512);
                double seconds = (System.nanoTime() - began) / 1e9;
                FilesystemState state = inspection.filesystems().get(0).state();
                FilesystemState.FreeSpace space =
                        assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
                assertTrue(counting.bytes() <= MOST_BYTES_READ, () -> counting.bytes() + " bytes were read");
                if (run == 1) {
                    System.out.printf(
                            "large: %-6s %-13s %4d GiB %6.1f%% free in %,7d ranges  %7.3f s  %,7d requests  %,12d bytes  heap at most %d MiB%n",
                            type,
                            fill,
                            BYTES >> 30,
                            100.0 * space.freeBytes() / BYTES,
                            space.free().size(),
                            seconds,
                            counting.requests(),
                            counting.bytes(),
                            Runtime.getRuntime().maxMemory() >> 20);
                }
            }
        }
    }

    /** Files without content in the way, of which some go again: where the kernel allocates without writing. */
    private void fill(Path image) throws IOException {
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("at"), "rw")) {
            ExternalTool.run(
                    "sh",
                    "-c",
                    "cd \"$1\" && i=0; while [ $i -lt $2 ]; do fallocate -l $3 f$i; fallocate -l 20000 s$i; i=$((i+1)); done;"
                            + " rm -f f*1 f*4 f*7 s*3",
                    "sh",
                    mounted.path().toString(),
                    Integer.toString(FILES),
                    Long.toString(BYTES / FILES / 4 * 3));
        }
    }

    /** The same by the filesystem's own tool, which allocates in files that exist. */
    private void fillNtfs(Path image) throws IOException {
        int files = FILES / 4;
        inNtfs(image, "i=0; while [ $i -lt %d ]; do : >f$i; : >s$i; i=$((i+1)); done".formatted(files));
        for (int file = 0; file < files; file++) {
            String bytes = Long.toString(BYTES / files / 4 * 3);
            ExternalTool.run("ntfsfallocate", "-f", "-l", bytes, image.toString(), "/f" + file);
            ExternalTool.run("ntfsfallocate", "-f", "-l", "20000", image.toString(), "/s" + file);
        }
        inNtfs(image, "rm -f f*1 f*4 f*7 s*3");
    }

    private void inNtfs(Path image, String script) throws IOException {
        try (MountedImage mounted = MountedImage.ntfs(image, directory.resolve("at"), "rw")) {
            ExternalTool.run(
                    "sh", "-c", "cd \"$1\" && " + script, "sh", mounted.path().toString());
        }
    }
}
