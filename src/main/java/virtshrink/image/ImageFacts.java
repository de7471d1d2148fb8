package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import virtshrink.os.FileStatus;

/**
 * What there is to know of an image before anything is done with it.
 *
 * @param virtualBytes size of the guest's disk; of a raw file whose length is no multiple of 512, the next multiple, as qemu shows it
 * @param fileBytes length of the file
 * @param allocatedBytes what the host's filesystem has allocated for it
 * @param preallocated somebody reserved all its space on purpose
 * @param qcow2 more, if it is one
 */
public record ImageFacts(
        ImageFormat format,
        long virtualBytes,
        long fileBytes,
        long allocatedBytes,
        boolean preallocated,
        Optional<Qcow2Facts> qcow2) {
    /** Filesystems give back whole blocks, which are nowhere smaller in practice. */
    private static final long LEAST_UNIT_BYTES = 4096;

    private static final long SECTOR_BYTES = 512;

    /**
     * Reads header and metadata; the file is only read.
     *
     * @param image absolute
     * @throws ImageRefusedException if it is no valid image of the format, qemu-img cannot open it, or it must not be opened: encrypted,
     *     external data file, corrupt, unknown incompatible features, names another file in a way that is not followed
     */
    public static ImageFacts read(Path image, ImageFormat format, QemuImg qemuImg)
            throws IOException, ImageRefusedException {
        try {
            ImageFacts facts = readOpenable(image, format, qemuImg);
            if (facts.virtualBytes() > MOST_VIRTUAL_BYTES) {
                throw new ImageRefusedException(image + " claims to be a disk of more than 1 PiB");
            }
            return facts;
        } catch (ToolFailedException e) {
            // 1 is its word that the image is not to its liking; anything else is a failure of ours.
            if (e.exitCode().orElse(0) != 1) {
                throw e;
            }
            ImageRefusedException refused =
                    new ImageRefusedException("%s cannot be read: %s".formatted(image, e.getMessage()));
            refused.initCause(e);
            throw refused;
        }
    }

    /** No disk of a guest is larger, and walking one that claims to be would not end. */
    private static final long MOST_VIRTUAL_BYTES = 1L << 50;

    private static ImageFacts readOpenable(Path image, ImageFormat format, QemuImg qemuImg)
            throws IOException, ImageRefusedException {
        FileStatus status = FileStatus.of(image);
        if (!status.regularFile()) {
            throw new ImageRefusedException(image + " is not a regular file");
        }
        if (format == ImageFormat.RAW) {
            boolean preallocated = Preallocation.ofRaw(image, status);
            return of(format, wholeSectors(status.sizeBytes()), status, preallocated, Optional.empty());
        }
        if (format != ImageFormat.QCOW2) {
            ForeignImage.requireSelfContained(image, format);
            return of(format, qemuImg.info(image, format).virtualBytes(), status, false, Optional.empty());
        }
        Qcow2Header header = Qcow2Features.readable(image);
        Optional<BackingReference> backing = BackingReference.of(header, image);
        try (BackgroundCall<Optional<ImageCheck>> checking =
                BackgroundCall.start("check", () -> qemuImg.check(image, format))) {
            ImageInfo info = qemuImg.info(image, format);
            requireAgreement(image, header, info);
            ImageCheck check = checking.join()
                    .orElseThrow(() -> ToolFailedException.absurd("qemu-img check", "it cannot check qcow2"));
            boolean preallocated = Preallocation.ofQcow2(check, header.sizeBytes(), status);
            Qcow2Facts facts = Qcow2Facts.of(header, backing, info, check);
            return of(format, header.sizeBytes(), status, preallocated, Optional.of(facts));
        }
    }

    /** The smallest aligned run of the guest's disk, in bytes, whose zeroing can make the file smaller. */
    public long giveBackUnitBytes() {
        return Math.max(LEAST_UNIT_BYTES, qcow2.map(Qcow2Facts::unitBytes).orElse(1));
    }

    /** The {@code -o} values of {@code qemu-img} that give a new image of the same format the same properties. */
    public List<String> createOptions() {
        return qcow2.map(Qcow2Facts::createOptions).orElse(List.of());
    }

    /** The backing file as the header names it. */
    public Optional<BackingReference> backing() {
        return qcow2.flatMap(Qcow2Facts::backing);
    }

    private static long wholeSectors(long bytes) {
        return Math.addExact(bytes, SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
    }

    private static ImageFacts of(
            ImageFormat format,
            long virtualBytes,
            FileStatus status,
            boolean preallocated,
            Optional<Qcow2Facts> qcow2) {
        return new ImageFacts(format, virtualBytes, status.sizeBytes(), status.allocatedBytes(), preallocated, qcow2);
    }

    /** Two readers of one header: where they disagree, one of them is wrong about the guest's data. */
    private static void requireAgreement(Path image, Qcow2Header header, ImageInfo info) throws ImageRefusedException {
        boolean bitmapsBit = (header.autoclearFeatures() & Qcow2Header.BITMAPS) != 0;
        if (info.virtualBytes() != header.sizeBytes()
                || info.clusterBytes().orElse(-1) != header.clusterBytes()
                || (bitmapsBit && info.bitmaps().size() != header.extensions().bitmaps())) {
            throw new ImageRefusedException(
                    "%s: qemu-img reads its header otherwise than we do: %s".formatted(image, info));
        }
    }
}
