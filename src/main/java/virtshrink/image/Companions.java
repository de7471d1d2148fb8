package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.os.FileStatus;

/**
 * The images that a run looks at beside its own. They are held as the image is: what a run concludes from them must still be so when it replaces
 * its image. For one thread at a time.
 */
final class Companions {
    private final List<Held> all;

    private Companions(List<Held> all) {
        this.all = List.copyOf(all);
    }

    /**
     * One image.
     *
     * @param below what the files under the topmost one were when it was locked. They take no lock: other guests may stand on them too, and
     *     may be shrunk at the same time
     * @param lock of the topmost one; there is none while only looking
     */
    private record Held(List<ChainElement> chain, List<FileStatus> below, Optional<ImageLock> lock) {
        Path file() {
            return chain.get(0).file();
        }

        ImageNode node() {
            ImageNode node = ImageNode.chain(chain);
            return lock.isPresent() ? node : node.yielding();
        }
    }

    /** Where they are, symbolic links resolved: to be registered before they are held. */
    static List<Path> resolve(List<CompanionImage> images) throws IOException, ImageRefusedException {
        List<Path> files = new ArrayList<>();
        for (CompanionImage image : images) {
            files.add(image.resolve());
        }
        return files;
    }

    /**
     * Locks them and finds out what they are made of.
     *
     * @param files as {@link #resolve} found them
     * @param notes takes what is cleaned up
     * @throws ImageRefusedException if one of them is in use, or has become one that cannot be looked at
     */
    static Companions hold(
            List<CompanionImage> images, List<Path> files, boolean lookOnly, Hold hold, List<String> notes)
            throws IOException, ImageRefusedException {
        List<Held> all = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            try {
                all.add(held(images.get(i), files.get(i), lookOnly, hold, notes));
            } catch (ImageRefusedException refused) {
                throw new ImageRefusedException(
                        refused.kind(),
                        "this disk cannot be understood without another one of its guest, and " + refused.getMessage());
            }
        }
        return new Companions(all);
    }

    private static Held held(CompanionImage image, Path file, boolean lookOnly, Hold hold, List<String> notes)
            throws IOException, ImageRefusedException {
        Optional<ImageLock> lock = Optional.empty();
        if (lookOnly) {
            ImageLock.refuseIfWritten(file);
        } else {
            TrustedDirectory.require(file);
            lock = Optional.of(hold.lock(file));
            // A run that died in the moment of its exchange may have left in doubt which file is the guest's disk.
            notes.addAll(Leftovers.removeFilesBeside(file));
        }
        List<ChainElement> chain = image.chain(file);
        List<FileStatus> below = new ArrayList<>();
        for (ChainElement backing : chain.subList(1, chain.size())) {
            ImageLock.refuseIfWritten(backing.file());
            below.add(FileStatus.of(backing.file()));
        }
        if (!image.chain(file).equals(chain)) {
            throw new ImageRefusedException(file + " stands on other files than a moment ago");
        }
        return new Held(chain, List.copyOf(below), lock);
    }

    /** Serves all of them, in their order, read-only. */
    ServedCompanions serve(ChildProcessFactory children, Path socketDirectory) throws IOException {
        List<ServedDisk> served = new ArrayList<>();
        try {
            for (Held each : all) {
                String socket = "companion-" + (served.size() + 1) + ".sock";
                served.add(ServedDisk.readOnly(children, each.node(), socketDirectory, socket));
            }
            return new ServedCompanions(served);
        } catch (IOException | RuntimeException problem) {
            served.forEach(ServedDisk::close);
            throw problem;
        }
    }

    /** Why they are no longer what they were when they were locked; empty if they are. */
    Optional<String> whyDisturbed() throws IOException {
        for (Held each : all) {
            if (each.lock().isEmpty()) {
                continue;
            }
            ImageLock lock = each.lock().get();
            // Nobody has a reason to touch even its attributes: unlike the image it does not get a second name.
            boolean same = FileStatus.of(each.file()).unchangedSince(lock.recorded());
            if (!same || lock.whyChanged().isPresent()) {
                return Optional.of(disturbed(each.file()));
            }
            for (int i = 0; i < each.below().size(); i++) {
                Path backing = each.chain().get(i + 1).file();
                if (!hasSameContent(backing, each.below().get(i))) {
                    return Optional.of(disturbed(backing));
                }
            }
        }
        return Optional.empty();
    }

    private static String disturbed(Path file) {
        return file + ", which holds a part of what lies on this disk, was changed while this disk was being shrunk";
    }

    /** Owner and attributes may change: libvirt sets them whenever a guest that stands on the file starts or ends. */
    private static boolean hasSameContent(Path file, FileStatus recorded) throws IOException {
        FileStatus now = FileStatus.of(file);
        return now.identity().equals(recorded.identity())
                && now.sizeBytes() == recorded.sizeBytes()
                && now.mtimeSeconds() == recorded.mtimeSeconds()
                && now.mtimeNanos() == recorded.mtimeNanos();
    }
}
