package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.block.ExternalTool;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** The tools that make exFAT volumes and judge them, and the driver that fills them. */
final class Exfatprogs {
    private static final Pattern FREE_CLUSTERS = Pattern.compile("Free Clusters:\\s*(\\d+)");
    private static final Pattern CLUSTER_BYTES = Pattern.compile("Cluster size:\\s*(\\d+)");

    private Exfatprogs() {}

    static void assumeInstalled() {
        ExternalTool.assume("mkfs.exfat", "exfatprogs");
        ExternalTool.assume("fsck.exfat", "exfatprogs");
        ExternalTool.assume("dump.exfat", "exfatprogs");
    }

    static Path make(Path image, long sizeBytes, String options) throws IOException {
        Files.deleteIfExists(image);
        ExternalTool.sparse(image, sizeBytes);
        List<String> command = new ArrayList<>(List.of("mkfs.exfat"));
        if (!options.isEmpty()) {
            command.addAll(Arrays.asList(options.split(" ", -1)));
        }
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return image;
    }

    static long clusterBytes(Path image) throws IOException {
        return number(image, CLUSTER_BYTES);
    }

    static long freeBytes(Path image) throws IOException {
        return number(image, FREE_CLUSTERS) * clusterBytes(image);
    }

    private static long number(Path image, Pattern pattern) throws IOException {
        String dump = ExternalTool.run("dump.exfat", image.toString());
        Matcher found = pattern.matcher(dump);
        if (!found.find()) {
            throw new AssertionError("dump.exfat: " + dump);
        }
        return Long.parseLong(found.group(1));
    }

    /** Exit code and output of fsck.exfat. */
    static ExternalTool.Result check(Path image) throws IOException {
        return ExternalTool.attempt("", "fsck.exfat", "-n", image.toString());
    }

    /** A small volume with some content, in memory. */
    static MemoryDisk disk(Path directory, long sizeBytes, String options, Content content) throws IOException {
        Path image = make(directory.resolve("image"), sizeBytes, options);
        fill(image, content, directory);
        return MemoryDisk.load(image);
    }

    /** Puts files into an image. */
    static void fill(Path image, Content content, Path directory) throws IOException {
        if (content == Content.EMPTY) {
            return;
        }
        long free = freeBytes(image);
        int unit = (int) Math.min(clusterBytes(image), free / 200 + 1);
        Random random = new Random(unit + content.name().length());
        try (MountedImage mounted = MountedImage.exfat(image, directory.resolve("mounted"), "rw")) {
            Path root = mounted.path();
            Path deep = Files.createDirectories(root.resolve("DIR/a directory with a long name/DEEP"));
            Files.write(deep.resolve("empty"), new byte[0]);
            write(deep.resolve("file.bin"), random, unit);
            int files = content == Content.FRAGMENTED ? 60 : 8;
            for (int number = 0; number < files; number++) {
                write(root.resolve("file number %d.data".formatted(number)), random, random.nextInt(2 * unit) + 1);
            }
            if (content == Content.FRAGMENTED) {
                for (int number = 0; number < files; number += 2) {
                    Files.delete(root.resolve("file number %d.data".formatted(number)));
                }
                for (int number = 0; number < 5; number++) {
                    write(root.resolve("DIR/large%d".formatted(number)), random, 5 * unit + 17);
                }
                Files.delete(root.resolve("DIR/large1"));
            }
            if (content == Content.FULL) {
                fillUp(root, random);
            }
        }
    }

    private static void fillUp(Path root, Random random) throws IOException {
        for (int size = 1 << 20; size > 0; size /= 16) {
            boolean full = false;
            for (int number = 0; !full && number < 4096; number++) {
                try {
                    write(root.resolve("DIR/full %d %d".formatted(size, number)), random, size);
                } catch (IOException noRoom) {
                    full = true;
                }
            }
        }
    }

    private static void write(Path file, Random random, int length) throws IOException {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        Files.write(file, bytes);
    }
}
