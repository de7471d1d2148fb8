package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import virtshrink.block.ExternalTool;

/** What users do to a FAT filesystem, done by mtools: kernels that mount FAT are not everywhere. */
final class MtoolsTree {
    private static final int MOST_FILES = 150;

    private final String image;
    private final Path scratch;
    private final Random random;
    private final List<String> files = new ArrayList<>();
    private final List<String> directories = new ArrayList<>(List.of("::"));
    private int names;

    /**
     * @param scratch a directory for what is to be copied
     */
    MtoolsTree(Path raw, long offsetBytes, Path scratch, Random random, int round) throws IOException {
        this.image = raw + "@@" + offsetBytes;
        this.scratch = scratch;
        this.random = random;
        this.names = round * 10_000;
        // Of an empty one it says that there is nothing, and fails.
        String listing = ExternalTool.attempt("", "mdir", "-i", image, "-/", "-b", "-a", "::")
                .output();
        for (String line : listing.lines().toList()) {
            if (line.endsWith("/")) {
                directories.add(line.substring(0, line.length() - 1));
            } else if (line.startsWith("::")) {
                files.add(line);
            }
        }
    }

    void live(int deeds) throws IOException {
        for (int i = 0; i < deeds; i++) {
            deed();
            while (files.size() > MOST_FILES) {
                delete();
            }
        }
    }

    private void deed() throws IOException {
        switch (random.nextInt(10)) {
            case 0, 1, 2 -> copyIn(newName("file"), random.nextInt(100_000));
            case 3 -> copyIn(newName("a rather long name of a file "), random.nextInt(2_000_000));
            case 4 -> copyIn(anyFile(), random.nextInt(300_000));
            case 5 -> {
                String directory = newName("dir");
                if (does("mmd", directory)) {
                    directories.add(directory);
                }
            }
            case 6, 7 -> delete();
            case 8 -> deleteTree();
            default -> rename();
        }
    }

    private String newName(String kind) {
        return directories.get(random.nextInt(directories.size())) + "/" + kind + names++;
    }

    private String anyFile() {
        return files.isEmpty() ? newName("file") : files.get(random.nextInt(files.size()));
    }

    private boolean does(String... command) throws IOException {
        List<String> whole = new ArrayList<>(List.of(command));
        whole.addAll(1, List.of("-i", image));
        return ExternalTool.attempt("", whole.toArray(String[]::new)).exitCode() == 0;
    }

    private void copyIn(String name, int length) throws IOException {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        Path source = Files.write(scratch.resolve("source"), bytes);
        boolean done = does("mcopy", "-Q", "-n", "-o", "-D", "o", source.toString(), name);
        if (done && !files.contains(name)) {
            files.add(name);
        } else if (!done) {
            // Full: half a file may be left behind.
            does("mdel", name);
            files.remove(name);
        }
    }

    private void delete() throws IOException {
        if (!files.isEmpty()) {
            does("mdel", files.remove(random.nextInt(files.size())));
        }
    }

    private void deleteTree() throws IOException {
        if (directories.size() > 3) {
            String tree = directories.get(1 + random.nextInt(directories.size() - 1));
            if (does("mdeltree", tree)) {
                files.removeIf(file -> file.startsWith(tree + "/"));
                directories.removeIf(directory -> directory.equals(tree) || directory.startsWith(tree + "/"));
            }
        }
    }

    private void rename() throws IOException {
        if (!files.isEmpty()) {
            String from = anyFile();
            String to = newName("renamed");
            if (does("mren", from, to)) {
                files.remove(from);
                files.add(to);
            }
        }
    }
}
