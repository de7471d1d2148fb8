package virtshrink.image;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import virtshrink.os.FileStatus;
import virtshrink.os.InodeFlags;
import virtshrink.os.OpenFile;

/**
 * Whether an image is ours to touch, as far as the file itself can tell: the rules of what must never be shrunk. Every refusal is a sentence
 * that an administrator understands. Thread-safe.
 */
public final class ImageJudge {
    private final QemuImg qemuImg;

    public ImageJudge(QemuImg qemuImg) {
        this.qemuImg = qemuImg;
    }

    /**
     * Reads the file, its header, its metadata and its neighbours; writes nothing.
     *
     * @param image as named: symbolic links are resolved once, here
     * @param format as named, never probed: a raw disk that begins like a qcow2 image stays raw
     * @throws ImageRefusedException with the first reason found
     */
    public JudgedImage judge(Path image, ImageFormat format, Policy policy) throws IOException, ImageRefusedException {
        Path file = resolve(image);
        FileStatus status = FileStatus.of(file);
        if (!status.regularFile()) {
            throw new ImageRefusedException(file + " is not a regular file");
        }
        if (status.sizeBytes() == 0) {
            throw new ImageRefusedException(file + " is empty");
        }
        if (!policy.separateOutput()) {
            requireReplaceable(file, status, format, policy);
        }
        if (format == ImageFormat.QCOW2) {
            Qcow2Header header = Qcow2Features.readable(file);
            Optional<String> reason = Qcow2Features.whyNotReplaceable(header);
            if (reason.isPresent()) {
                throw new ImageRefusedException(file + " " + reason.get());
            }
        }
        List<ChainElement> chain = BackingChain.walk(image, format);
        if (!policy.separateOutput()) {
            Dependents.requireNone(image, file, status.identity());
        }
        ImageFacts facts = ImageFacts.read(file, format, qemuImg);
        requireSound(file, facts);
        if (facts.preallocated() && !policy.separateOutput() && !policy.shrinkPreallocated()) {
            throw new ImageRefusedException(
                    file + " is fully preallocated: somebody has reserved all of its space on purpose");
        }
        return new JudgedImage(file, chain, facts);
    }

    /**
     * Reads what an image is, for looking at it only: what speaks against replacing it does not matter.
     *
     * @throws ImageRefusedException if it cannot be opened without following what its header must not be believed
     */
    public JudgedImage look(Path image, ImageFormat format) throws IOException, ImageRefusedException {
        Path file = resolve(image);
        List<ChainElement> chain = BackingChain.walk(image, format);
        return new JudgedImage(file, chain, ImageFacts.read(file, format, qemuImg));
    }

    private static Path resolve(Path image) throws IOException, ImageRefusedException {
        Path file;
        try {
            file = image.toRealPath();
        } catch (NoSuchFileException e) {
            throw new ImageRefusedException(image + " does not exist");
        }
        if (!ToolArgument.isExact(file)) {
            throw new ImageRefusedException(
                    file + " has a name that the current locale cannot express; try with LC_ALL=C.UTF-8");
        }
        return file;
    }

    private static void requireReplaceable(Path file, FileStatus status, ImageFormat format, Policy policy)
            throws IOException, ImageRefusedException {
        if (format != ImageFormat.QCOW2 && format != ImageFormat.RAW) {
            throw new ImageRefusedException(
                    "%s is a %s image, which cannot replace itself: name an output, or convert it to qcow2"
                            .formatted(file, format.qemuName()));
        }
        long links = status.links() - (long) policy.ownLinks();
        if (links > 1) {
            throw new ImageRefusedException(
                    "%s has %d hard links: its other names would keep the old image".formatted(file, links));
        }
        try (OpenFile open = OpenFile.readOnly(file)) {
            OptionalInt flags = open.inode().flags();
            if ((flags.orElse(0) & InodeFlags.IMMUTABLE) != 0) {
                throw new ImageRefusedException(file + " is immutable (chattr +i)");
            }
            if ((flags.orElse(0) & InodeFlags.APPEND) != 0) {
                throw new ImageRefusedException(file + " is append-only (chattr +a)");
            }
        }
    }

    private static void requireSound(Path file, ImageFacts facts) throws ImageRefusedException {
        if (facts.qcow2().isEmpty()) {
            return;
        }
        Qcow2Facts qcow2 = facts.qcow2().get();
        for (PersistentBitmap bitmap : qcow2.bitmaps()) {
            if (bitmap.inconsistent()) {
                throw new ImageRefusedException(
                        "%s has the inconsistent bitmap %s; remove it with: qemu-img bitmap --remove %s %s"
                                .formatted(
                                        file,
                                        Printable.of(bitmap.name()),
                                        Printable.shellWord(file.toString()),
                                        Printable.shellWord(bitmap.name())));
            }
        }
        ImageCheck check = qcow2.check();
        if (!check.sound()) {
            throw new ImageRefusedException(
                    "%s is damaged: qemu-img check finds %d corruptions and %d errors; see: qemu-img check -f qcow2 %s"
                            .formatted(
                                    file,
                                    check.corruptions(),
                                    check.checkErrors(),
                                    Printable.shellWord(file.toString())));
        }
    }

    /**
     * What the caller knows or has been told.
     *
     * @param separateOutput the result goes to another file: what speaks against replacing this one does not matter, and formats that cannot
     *     replace themselves are read
     * @param ownLinks how many of the file's hard links are our own backups
     * @param shrinkPreallocated also shrink what somebody preallocated
     */
    public record Policy(boolean separateOutput, int ownLinks, boolean shrinkPreallocated) {
        /** The image is to be replaced, and nothing is known of it. */
        public static final Policy REPLACE = new Policy(false, 0, false);

        /** The image is only read. */
        public static final Policy SEPARATE_OUTPUT = new Policy(true, 0, false);
    }
}
