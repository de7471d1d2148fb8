package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import virtshrink.image.TemporaryNames.Role;

/** Makes the new file from the overlay, with every property of the original. */
public final class Rebuild {
    private final ImageWork work;
    private final Target target;

    /**
     * What the new file is to be.
     *
     * @param format of the new file
     * @param compress compress every cluster (qcow2 only)
     * @param reflink share blocks with the original where possible; a probe has shown that it is
     * @param options {@code qemu-img -o} values that come on top of the original's properties
     * @param sameDirectory it is to stand in the original's directory, so relative names keep their meaning
     */
    public record Target(
            ImageFormat format, boolean compress, boolean reflink, List<String> options, boolean sameDirectory) {
        public Target {
            options = List.copyOf(options);
        }
    }

    Rebuild(ImageWork work, Target target) {
        this.work = work;
        this.target = target;
    }

    /**
     * Fills the new file.
     *
     * @param overlay on the image; it is not changed
     * @param percent told of progress, 0 to 100
     */
    public void run(ImageNode overlay, ReplacementFile newFile, DoubleConsumer percent) throws IOException {
        Optional<BackingReference> backing = keptBacking();
        if (backing.isPresent()) {
            throughRebase(overlay, newFile, backing.get(), percent);
        } else {
            convert(overlay, newFile, List.of(), percent);
        }
        if (target.format() == ImageFormat.QCOW2) {
            copyBitmaps(newFile.path());
        }
        if (target.format() == ImageFormat.RAW && work.format() == ImageFormat.RAW) {
            // qemu counts in sectors; an original that ends in the middle of one does so again.
            newFile.truncate(work.facts().fileBytes());
        }
    }

    /** Only qcow2 has a backing file to keep; other formats get all of the chain's content. */
    private Optional<BackingReference> keptBacking() {
        if (target.format() != ImageFormat.QCOW2 || work.format() != ImageFormat.QCOW2) {
            return Optional.empty();
        }
        Optional<BackingReference> named = work.facts().backing();
        return target.sameDirectory() || named.isEmpty()
                ? named
                : Optional.of(new BackingReference(
                        work.chain().get(1).file().toString(), named.get().format()));
    }

    /**
     * {@code convert} with a backing file takes only what the topmost file holds. So a second overlay first takes all that differs from the
     * backing file: the zeros of the first, and the image's own clusters.
     */
    private void throughRebase(
            ImageNode overlay, ReplacementFile newFile, BackingReference backing, DoubleConsumer percent)
            throws IOException {
        try (ReplacementFile second = work.create(Role.REBASE)) {
            List<ChainElement> chain = new ArrayList<>(work.chain());
            chain.add(0, new ChainElement(overlay.file(), ImageFormat.QCOW2));
            Overlay.create(
                    work.qemuImg(),
                    second,
                    chain,
                    work.facts().virtualBytes(),
                    work.facts().giveBackUnitBytes());
            ImageNode node = ImageNode.of(second.path(), ImageFormat.QCOW2);
            BackingReference absolute =
                    new BackingReference(work.chain().get(1).file().toString(), backing.format());
            work.qemuImg().rebase(node, Optional.of(absolute), done -> percent.accept(done / 2));
            List<String> flags =
                    List.of("-B", backing.name(), "-F", backing.format().qemuName());
            convert(node, newFile, flags, done -> percent.accept(50 + done / 2));
        }
    }

    private void convert(ImageNode source, ReplacementFile newFile, List<String> backing, DoubleConsumer percent)
            throws IOException {
        List<String> flags = new ArrayList<>(List.of("-m", "8"));
        flags.addAll(backing);
        if (target.compress()) {
            flags.add("-c");
        } else if (target.reflink() && backing.isEmpty()) {
            flags.add("-C");
        }
        List<String> options = new ArrayList<>();
        if (target.format() == work.format()) {
            options.addAll(work.facts().createOptions());
        }
        options.addAll(target.options());
        work.qemuImg().convert(source, newFile.path(), target.format(), flags, options, percent);
    }

    private void copyBitmaps(Path newFile) throws IOException {
        List<PersistentBitmap> bitmaps =
                work.facts().qcow2().map(Qcow2Facts::bitmaps).orElse(List.of());
        for (PersistentBitmap bitmap : bitmaps) {
            work.qemuImg().addBitmap(newFile, bitmap);
            work.qemuImg().mergeBitmap(newFile, work.file(), bitmap.name());
        }
    }
}
