package virtshrink.shrink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import virtshrink.block.ExternalTool;

/**
 * What users do to a mounted filesystem, in random order: whatever this one cannot do is simply not done. Names, sizes and content follow from
 * the seed, so that a round can be lived again.
 */
final class LivingTree {
    private static final int MOST_FILES = 400;
    private static final int MOST_SNAPSHOTS = 3;

    private final Path root;
    private final Random random;
    private final List<Path> files = new ArrayList<>();
    private final List<Path> directories = new ArrayList<>();
    private final List<Path> snapshots = new ArrayList<>();
    private int names;

    /**
     * @param round makes new names different from those of other rounds
     */
    LivingTree(Path root, Random random, int round) throws IOException {
        this.root = root;
        this.random = random;
        this.names = round * 10_000;
        survey();
    }

    private void survey() throws IOException {
        files.clear();
        directories.clear();
        snapshots.clear();
        directories.add(root);
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path path : walk.sorted().toList()) {
                if (path.equals(root) || path.getFileName().toString().equals("lost+found")) {
                    continue;
                }
                boolean inSnapshot = root.relativize(path).startsWith("snapshots");
                if (inSnapshot && root.relativize(path).getNameCount() == 2) {
                    snapshots.add(path);
                } else if (!inSnapshot && Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                    files.add(path);
                } else if (!inSnapshot && Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
                    directories.add(path);
                }
            }
        }
    }

    /** Does a number of things. */
    void live(int deeds) throws IOException {
        for (int i = 0; i < deeds; i++) {
            try {
                deed();
            } catch (FileSystemException problem) {
                // Full, or a thing that this filesystem does not have: what is there now is what is to be kept.
                forget(root.resolve(String.valueOf(problem.getFile())));
            } catch (IOException problem) {
                if (!String.valueOf(problem.getMessage()).contains("No space left")) {
                    throw problem;
                }
                deleteSome(files.size() / 3);
            }
            if (files.size() > MOST_FILES) {
                deleteSome(MOST_FILES / 2);
            }
        }
    }

    private void forget(Path path) {
        files.remove(path);
        directories.remove(path);
        if (directories.isEmpty()) {
            directories.add(root);
        }
    }

    private void deed() throws IOException {
        switch (random.nextInt(26)) {
            case 0, 1, 2, 3 -> create(random.nextInt(200_000));
            case 4 -> create(1 + random.nextInt(3_000_000));
            case 5 -> create(random.nextInt(200));
            case 6 -> write(size -> size, 1 + random.nextInt(300_000));
            case 7 -> write(size -> below(size), 1 + random.nextInt(60_000));
            case 8 -> write(size -> size + random.nextInt(5_000_000), 1 + random.nextInt(10_000));
            case 9 -> truncate();
            case 10 -> allocate("--punch-hole");
            case 11 -> allocate("--keep-size");
            case 12 -> allocate("--zero-range");
            case 13 -> directories.add(Files.createDirectory(newName("directory")));
            case 14, 15 -> deleteSome(1 + random.nextInt(4));
            case 16 -> deleteTree();
            case 17 -> rename();
            case 18 -> link();
            case 19 -> attributes();
            case 20 -> ownership();
            case 21 -> clone(anyFile());
            case 22 -> snapshot();
            case 23 -> crowd();
            case 24 -> ExternalTool.attempt("", "mkfifo", newName("fifo").toString());
            default -> overfill();
        }
    }

    private interface Place {
        long in(long sizeBytes);
    }

    private Path newName(String kind) {
        Path directory = directories.get(random.nextInt(directories.size()));
        String padding = random.nextInt(8) == 0 ? "-".repeat(random.nextInt(200)) : "";
        return directory.resolve(kind + names++ + padding);
    }

    private Path anyFile() throws IOException {
        return files.isEmpty() ? create(50_000) : files.get(random.nextInt(files.size()));
    }

    private long below(long bound) {
        return bound == 0 ? 0 : random.nextLong(bound);
    }

    private byte[] content(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private Path create(int length) throws IOException {
        Path file = newName("file");
        files.add(file);
        return Files.write(file, content(length));
    }

    private void write(Place place, int length) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(anyFile().toFile(), "rw")) {
            file.seek(place.in(file.length()));
            file.write(content(length));
        }
    }

    private void truncate() throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(anyFile().toFile(), "rw")) {
            file.setLength(random.nextInt(4) == 0 ? random.nextInt(4_000_000) : below(file.length() + 1));
        }
    }

    private void allocate(String how) throws IOException {
        Path file = anyFile();
        ExternalTool.attempt(
                "",
                "fallocate",
                how,
                "--offset",
                Long.toString(below(Files.size(file))),
                "--length",
                Integer.toString(1 + random.nextInt(400_000)),
                file.toString());
    }

    private void deleteSome(int count) throws IOException {
        for (int i = 0; i < count && !files.isEmpty(); i++) {
            Files.deleteIfExists(files.remove(random.nextInt(files.size())));
        }
    }

    private void deleteTree() throws IOException {
        if (directories.size() < 4) {
            return;
        }
        Path tree = directories.get(1 + random.nextInt(directories.size() - 1));
        try (Stream<Path> walk = Files.walk(tree)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
        survey();
    }

    private void rename() throws IOException {
        Path from = anyFile();
        Path to = newName("renamed");
        Files.move(from, to);
        files.remove(from);
        files.add(to);
    }

    private void link() throws IOException {
        if (random.nextBoolean()) {
            Path link = newName("link");
            Files.createLink(link, anyFile());
            files.add(link);
        } else {
            // Short targets lie in the inode, long ones in a block.
            Files.createSymbolicLink(newName("symbolic"), Path.of("t".repeat(1 + random.nextInt(200))));
        }
    }

    private void attributes() throws IOException {
        String file = anyFile().toString();
        String value = "v".repeat(1 + random.nextInt(random.nextInt(4) == 0 ? 3000 : 100));
        switch (random.nextInt(3)) {
            case 0 -> ExternalTool.attempt("", "setfattr", "-n", "user.a" + random.nextInt(5), "-v", value, file);
            case 1 -> ExternalTool.attempt("", "setfattr", "-x", "user.a" + random.nextInt(5), file);
            default -> ExternalTool.attempt("", "setfacl", "-m", "u:" + random.nextInt(50) + ":rwx", file);
        }
    }

    private void ownership() throws IOException {
        String file = anyFile().toString();
        ExternalTool.attempt("", "chown", random.nextInt(9999) + ":" + random.nextInt(9999), file);
        ExternalTool.attempt("", "chmod", Integer.toOctalString(random.nextInt(01000)), file);
        ExternalTool.attempt("", "touch", "-d", "@" + random.nextInt(Integer.MAX_VALUE), file);
    }

    private void clone(Path file) throws IOException {
        Path clone = newName("clone");
        if (ExternalTool.attempt("", "cp", "--reflink=always", file.toString(), clone.toString())
                        .exitCode()
                == 0) {
            files.add(clone);
        } else {
            Files.deleteIfExists(clone);
        }
    }

    /** Only btrfs has them, and says so itself. */
    private void snapshot() throws IOException {
        if (!Files.getFileStore(root).type().equals("btrfs")) {
            return;
        }
        Path all = Files.createDirectories(root.resolve("snapshots"));
        if (snapshots.size() >= MOST_SNAPSHOTS) {
            Path oldest = snapshots.remove(0);
            ExternalTool.run("btrfs", "-q", "subvolume", "delete", oldest.toString());
        }
        Path snapshot = all.resolve("snapshot" + names++);
        ExternalTool.run("btrfs", "-q", "subvolume", "snapshot", root.toString(), snapshot.toString());
        snapshots.add(snapshot);
    }

    /** Directories that need blocks and indices of their own. */
    private void crowd() throws IOException {
        Path directory = Files.createDirectory(newName("crowd"));
        directories.add(directory);
        for (int i = 0; i < 150; i++) {
            Files.writeString(directory.resolve("one of many files with rather a long name " + i), "x", UTF_8);
        }
    }

    /** Writes a file that reaches the disk before it is deleted: what there is to win. */
    void leaveDeleted(int lengthBytes) throws IOException {
        Path file = Files.write(root.resolve("deleted"), content(lengthBytes));
        ExternalTool.run("sync", "-f", file.toString());
        Files.delete(file);
    }

    /** Fills what is left, mostly, and gives it back: what follows finds its place between what stays. */
    private void overfill() throws IOException {
        List<Path> filling = new ArrayList<>();
        long room = Math.min(24 << 20, root.toFile().getUsableSpace() * 9 / 10);
        try {
            while (room > 0) {
                int length = (int) Math.min(room, 1 + random.nextInt(1_500_000));
                Path file = newName("filling");
                filling.add(file);
                Files.write(file, content(length));
                room -= length;
            }
        } finally {
            for (int i = 0; i < filling.size(); i++) {
                if (i % 5 == 0) {
                    files.add(filling.get(i));
                } else {
                    Files.deleteIfExists(filling.get(i));
                }
            }
        }
    }
}
