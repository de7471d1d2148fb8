package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import virtshrink.block.ExternalTool;

/** What users do to a mounted btrfs, at random: replays from its seed. A full disk is part of life. */
final class BtrfsLife {
    private final Path root;
    private final Path home;
    private final Random random;
    private final int mostFileBytes;
    private final List<Path> files = new ArrayList<>();
    private final List<Path> subvolumes = new ArrayList<>();
    private int names;

    /**
     * Files lie in a subvolume of their own. Nothing is nested: in a snapshot, a subvolume in a subvolume shows as an empty directory whose
     * time is that of its looking.
     *
     * @param root of a mounted filesystem, which may hold what an earlier life left
     */
    BtrfsLife(Path root, long seed, int mostFileBytes) throws IOException {
        this.root = root;
        this.home = root.resolve("home");
        this.random = new Random(seed);
        this.mostFileBytes = mostFileBytes;
        if (Files.notExists(home)) {
            ExternalTool.run("btrfs", "subvolume", "create", home.toString());
        }
        remember(home, files);
        remember(root, subvolumes);
        subvolumes.remove(home);
    }

    private void remember(Path directory, List<Path> paths) throws IOException {
        try (Stream<Path> there = Files.list(directory)) {
            paths.addAll(there.sorted().toList());
        }
        for (Path path : paths) {
            String number = path.getFileName().toString().replaceAll("\\D", "");
            names = Math.max(names, number.isEmpty() ? 0 : Integer.parseInt(number) + 1);
        }
    }

    void live(int steps) throws IOException {
        for (int step = 0; step < steps; step++) {
            try {
                step();
            } catch (IOException | AssertionError full) {
                boolean noSpace = String.valueOf(full.getMessage()).matches("(?s).*(No space left|Read-only|quota).*");
                if (!noSpace) {
                    throw full;
                }
            }
        }
    }

    private void step() throws IOException {
        int what = random.nextInt(20);
        if (what < 8 || files.isEmpty()) {
            write(newFile());
        } else if (what < 10) {
            Path victim = files.remove(random.nextInt(files.size()));
            Files.deleteIfExists(victim);
        } else if (what < 12) {
            truncate(anyFile());
        } else if (what < 14) {
            overwrite(anyFile());
        } else if (what < 15) {
            ExternalTool.run(
                    "fallocate", "-p", "-o", "4096", "-l", "8192", anyFile().toString());
        } else if (what < 16) {
            Path copy = newFile();
            ExternalTool.run("cp", "--reflink=always", anyFile().toString(), copy.toString());
            files.add(copy);
        } else if (what < 17) {
            ExternalTool.run(
                    "setfattr",
                    "-n",
                    "user.note",
                    "-v",
                    "note " + random.nextInt(),
                    anyFile().toString());
        } else if (what < 18) {
            Path space = newFile();
            ExternalTool.run("fallocate", "-l", Integer.toString(1 + random.nextInt(mostFileBytes)), space.toString());
            files.add(space);
        } else if (what < 19 || subvolumes.isEmpty()) {
            Path snapshot = root.resolve("snapshot" + names++);
            ExternalTool.run(
                    random.nextBoolean()
                            ? new String[] {"btrfs", "subvolume", "snapshot", home.toString(), snapshot.toString()}
                            : new String[] {"btrfs", "subvolume", "snapshot", "-r", home.toString(), snapshot.toString()
                            });
            subvolumes.add(snapshot);
        } else {
            Path victim = subvolumes.remove(random.nextInt(subvolumes.size()));
            ExternalTool.run("btrfs", "subvolume", "delete", victim.toString());
        }
    }

    private Path newFile() {
        return home.resolve("file" + names++);
    }

    private Path anyFile() {
        return files.get(random.nextInt(files.size()));
    }

    private void write(Path file) throws IOException {
        files.add(file);
        Files.write(file, content(random.nextInt(8) == 0 ? mostFileBytes : 1 + mostFileBytes / 16));
    }

    private void truncate(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.setLength(random.nextInt(mostFileBytes));
        }
    }

    private void overwrite(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.seek(random.nextInt((int) Math.max(1, open.length())));
            open.write(content(1 + mostFileBytes / 32));
            if (random.nextBoolean()) {
                open.getFD().sync();
            }
        }
    }

    /** Half of it noise, half of it easy to compress. */
    private byte[] content(int mostBytes) {
        byte[] bytes = new byte[random.nextInt(mostBytes)];
        if (random.nextBoolean()) {
            random.nextBytes(bytes);
        }
        return bytes;
    }
}
