package virtshrink.image;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import virtshrink.os.FileIdentity;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;

/**
 * Images in the same directory that stand on an image. To replace a backing file changes what its overlays' unwritten blocks mean, so their
 * own headers are asked, of every file that begins like an image in a format that can stand on others.
 */
final class Dependents {
    private static final int MOST_ENTRIES = 16384;

    private final Path image;
    private final FileIdentity identity;
    private final String ownLeftovers;

    private Dependents(Path image, FileIdentity identity) {
        this.image = image;
        this.identity = identity;
        this.ownLeftovers = "." + image.getFileName() + ".virt-shrink-";
    }

    /**
     * Looks in the directory of the file, and in that of the name if it is a link from elsewhere.
     *
     * @param named as named
     * @param file the same, links resolved
     * @throws ImageRefusedException if an image there stands on the file, or it cannot be told
     */
    static void requireNone(Path named, Path file, FileIdentity identity) throws IOException, ImageRefusedException {
        Set<Path> directories = new LinkedHashSet<>();
        directories.add(parent(file));
        directories.add(parent(named.toAbsolutePath()).toRealPath());
        Dependents dependents = new Dependents(file, identity);
        for (Path directory : directories) {
            dependents.requireNoneIn(directory);
        }
    }

    private void requireNoneIn(Path directory) throws IOException, ImageRefusedException {
        int entries = 0;
        try (DirectoryStream<Path> siblings = Files.newDirectoryStream(directory)) {
            for (Path sibling : siblings) {
                entries++;
                if (entries > MOST_ENTRIES) {
                    throw new ImageRefusedException(
                            "%s has more than %d entries: it cannot be told whether one of them stands on %s"
                                    .formatted(directory, MOST_ENTRIES, image.getFileName()));
                }
                boolean own = parent(sibling).equals(parent(image))
                        && String.valueOf(sibling.getFileName()).startsWith(ownLeftovers);
                if (!own && standsOnImage(sibling)) {
                    throw new ImageRefusedException("%s is the backing file of %s".formatted(image, sibling));
                }
            }
        } catch (DirectoryIteratorException e) {
            throw new IOException("cannot list " + directory, e);
        }
    }

    private boolean standsOnImage(Path sibling) throws IOException, ImageRefusedException {
        if (!Files.isRegularFile(sibling)) {
            return false;
        }
        List<String> parents;
        try (FileChannel channel = FileChannel.open(sibling, StandardOpenOption.READ)) {
            parents = ParentNames.of(channel);
        } catch (NoSuchFileException deletedMeanwhile) {
            return false;
        } catch (IOException e) {
            throw new ImageRefusedException("%s cannot be read (%s), so it cannot be told whether it stands on %s"
                    .formatted(sibling, e.getMessage(), image.getFileName()));
        }
        for (String parent : parents) {
            if (meansImage(sibling, parent)) {
                return true;
            }
        }
        return false;
    }

    private boolean meansImage(Path sibling, String name) throws IOException, ImageRefusedException {
        String plain = name.startsWith("file:") ? name.substring("file:".length()) : name;
        if (BackingReference.hasProtocol(plain)) {
            // Such a name is not taken apart; if it mentions ours, or might under an escape of JSON, it is taken to
            // mean it.
            return plain.contains(String.valueOf(image.getFileName())) || plain.indexOf('\\') >= 0;
        }
        try {
            return isImage(sibling, plain) || isImage(sibling.toRealPath(), plain);
        } catch (NoSuchFileException deletedMeanwhile) {
            return false;
        }
    }

    private boolean isImage(Path from, String name) throws ImageRefusedException {
        try {
            return FileStatus.of(from.resolveSibling(name)).identity().equals(identity);
        } catch (InvalidPathException e) {
            throw new ImageRefusedException("%s has the backing file %s, of which it cannot be told whether it is %s"
                    .formatted(from, Printable.of(name), image.getFileName()));
        } catch (OsException e) {
            // What does not exist or cannot be reached is not our image, which can.
            return false;
        }
    }

    private static Path parent(Path file) {
        Path parent = file.getParent();
        return parent == null ? file : parent;
    }
}
