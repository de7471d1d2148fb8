package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.os.FileIdentity;
import virtshrink.os.FileStatus;

/** The files an image is made of, found by our own bounded walk over the headers; no format is ever probed. */
public final class BackingChain {
    private static final int MOST_ELEMENTS = 64;

    private BackingChain() {}

    /**
     * The image and what it stands on, topmost first.
     *
     * <p>A relative backing name is relative to the directory of the file as qemu has opened it, links not resolved (qemu's {@code
     * path_combine}). The topmost image is opened here by its resolved path, while a guest may open it through a link in another directory: if
     * the name then means another file there, the image is refused.
     *
     * @param format of the topmost image; those below have theirs from the header above
     * @throws ImageRefusedException if a backing name is a protocol or {@code json:} name, its format is not recorded or unknown, the chain is
     *     longer than the bound or circular, a file is missing or not a regular file, or an element must not be opened (encrypted, external
     *     data file, corrupt, unknown features)
     */
    public static List<ChainElement> walk(Path image, ImageFormat format) throws IOException, ImageRefusedException {
        Path opened = image.toRealPath();
        List<ChainElement> chain = new ArrayList<>();
        Set<FileIdentity> seen = new HashSet<>();
        ImageFormat openedFormat = format;
        while (true) {
            FileStatus status = FileStatus.of(opened);
            if (!status.regularFile()) {
                throw new ImageRefusedException(opened + " is not a regular file");
            }
            if (!seen.add(status.identity())) {
                throw new ImageRefusedException("the backing chain of %s comes back to %s".formatted(image, opened));
            }
            if (chain.size() == MOST_ELEMENTS) {
                throw new ImageRefusedException(
                        "the backing chain of %s is longer than %d files".formatted(image, MOST_ELEMENTS));
            }
            Path file = opened.toRealPath();
            if (!ToolArgument.isExact(file)) {
                throw new ImageRefusedException(
                        file + " has a name that the current locale cannot express; try with LC_ALL=C.UTF-8");
            }
            chain.add(new ChainElement(file, openedFormat));
            Optional<BackingReference> reference = BackingReference.read(opened, openedFormat);
            if (reference.isEmpty()) {
                return List.copyOf(chain);
            }
            Path backing = resolve(opened, reference.get());
            if (chain.size() == 1) {
                requireSameFrom(image, reference.get(), backing);
            }
            opened = backing;
            openedFormat = reference.get().format();
        }
    }

    /** As {@code path_combine} of qemu: behind the last slash, dots and links left to the kernel. */
    private static Path resolve(Path opened, BackingReference reference) throws ImageRefusedException {
        Path backing;
        try {
            backing = opened.resolveSibling(reference.name());
        } catch (InvalidPathException e) {
            throw new ImageRefusedException(
                    "the backing file name %s of %s is no file name".formatted(Printable.of(reference.name()), opened));
        }
        if (!Files.exists(backing)) {
            throw new ImageRefusedException(
                    "the backing file %s of %s does not exist".formatted(Printable.of(backing.toString()), opened));
        }
        return backing;
    }

    private static void requireSameFrom(Path image, BackingReference reference, Path backing)
            throws IOException, ImageRefusedException {
        Path asNamed = image.toAbsolutePath().resolveSibling(reference.name());
        if (Files.exists(asNamed) && !Files.isSameFile(asNamed, backing)) {
            throw new ImageRefusedException(
                    "the backing file of %s is another one when it is opened through this link (%s) than without (%s)"
                            .formatted(image, Printable.of(asNamed.toString()), Printable.of(backing.toString())));
        }
    }
}
