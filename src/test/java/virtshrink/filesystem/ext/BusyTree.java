package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import virtshrink.block.ExternalTool;

/**
 * A seeded life of a directory tree, of the kind that leaves traces in a journal: files in many pieces, whose extent or indirect blocks are
 * freed and used again, directories that grow and go, files deleted while open, and many small transactions.
 */
final class BusyTree implements AutoCloseable {
    private static final int MOST_FILES = 60;
    private static final int MOST_OPEN = 4;

    private final Path root;
    private final Random random;
    private final List<Path> files = new ArrayList<>();
    private final List<Path> directories = new ArrayList<>();
    private final Deque<FileChannel> deleted = new ArrayDeque<>();
    private int names;

    BusyTree(Path root, long seed) {
        this.root = root;
        this.random = new Random(seed);
    }

    /** Lives on; where the filesystem is full, half of the files go. */
    void live(int steps) throws IOException {
        for (int i = 0; i < steps; i++) {
            try {
                step();
            } catch (IOException full) {
                if (!String.valueOf(full.getMessage()).contains("No space")) {
                    throw full;
                }
                while (files.size() > MOST_FILES / 4) {
                    delete();
                }
            }
        }
    }

    private void step() throws IOException {
        int choice = random.nextInt(100);
        if (files.size() >= MOST_FILES || (choice < 20 && !files.isEmpty())) {
            delete();
        } else if (choice < 45) {
            write(random.nextInt(120_000));
        } else if (choice < 60) {
            writeInPieces(2 + random.nextInt(40));
        } else if (choice < 70 && !files.isEmpty()) {
            change(file());
        } else if (choice < 78) {
            addDirectory();
        } else if (choice < 86 && !directories.isEmpty()) {
            deleteTree(directories.remove(random.nextInt(directories.size())));
        } else if (choice < 90 && !files.isEmpty()) {
            deleteWhileOpen();
        } else if (choice < 97) {
            force(root);
        } else {
            ExternalTool.run("sync", "-f", root.toString());
        }
    }

    private Path file() {
        return files.get(random.nextInt(files.size()));
    }

    private void write(int length) throws IOException {
        byte[] content = new byte[length];
        random.nextBytes(content);
        Path file = newFile();
        Files.write(file, content);
        if (random.nextInt(3) == 0) {
            force(file);
        }
    }

    private void writeInPieces(int pieces) throws IOException {
        Path file = newFile();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (int i = 0; i < pieces; i++) {
                byte[] content = new byte[1 + random.nextInt(4096)];
                random.nextBytes(content);
                channel.write(ByteBuffer.wrap(content), 8192L * i * (1 + random.nextInt(3)));
            }
            channel.force(random.nextBoolean());
        }
    }

    private void change(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            if (random.nextBoolean()) {
                channel.truncate(random.nextInt(1 + (int) Math.min(channel.size(), 1 << 20)));
            } else {
                channel.write(ByteBuffer.wrap(new byte[random.nextInt(20_000)]), channel.size());
            }
            if (random.nextBoolean()) {
                channel.force(true);
            }
        }
    }

    private void addDirectory() throws IOException {
        Path directory = Files.createDirectory(root.resolve("directory" + names++));
        directories.add(directory);
        int count = random.nextInt(120);
        for (int i = 0; i < count; i++) {
            Files.write(
                    directory.resolve("a rather long name of an entry, number " + i), new byte[random.nextInt(300)]);
        }
        force(directory);
    }

    private void delete() throws IOException {
        Files.delete(files.remove(random.nextInt(files.size())));
        if (random.nextInt(4) == 0) {
            force(root);
        }
    }

    private void deleteWhileOpen() throws IOException {
        Path file = files.remove(random.nextInt(files.size()));
        deleted.add(FileChannel.open(file, StandardOpenOption.READ));
        Files.delete(file);
        if (deleted.size() > MOST_OPEN) {
            deleted.remove().close();
        }
        force(root);
    }

    private static void deleteTree(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    /** Commits the transaction; what it changed is written to its place later. */
    private static void force(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private Path newFile() {
        Path parent = directories.isEmpty() || random.nextBoolean()
                ? root
                : directories.get(random.nextInt(directories.size()));
        Path file = parent.resolve("file" + names++);
        if (parent.equals(root)) {
            files.add(file);
        }
        return file;
    }

    @Override
    public void close() throws IOException {
        while (!deleted.isEmpty()) {
            deleted.remove().close();
        }
    }
}
