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

    /** @param lock there is none while only looking */
    private record Held(List<ChainElement> chain, Optional<ImageLock> lock) {
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
        return new Held(image.chain(file), lock);
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
                return Optional.of(
                        each.file()
                                + ", which holds a part of what lies on this disk, was changed while this disk was being shrunk");
            }
        }
        return Optional.empty();
    }
}
