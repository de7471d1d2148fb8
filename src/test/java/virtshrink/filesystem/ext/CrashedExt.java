package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.MountedImage;

/** Images of filesystems whose guest was powered off hard. */
public final class CrashedExt {
    private CrashedExt() {}

    public static void assumePossible() {
        E2fsprogs.assumeInstalled();
        ExternalTool.assumeRoot();
        ExternalTool.assume("xfs_io", "xfsprogs");
    }

    /**
     * Makes a filesystem, lives in it and stops it at some moment: the journal takes nothing more, and the copy is taken before what is
     * still in the host's memory reaches its place.
     *
     * @param image to be made
     * @param seed of the life, and of how it ends
     * @return the copy
     */
    public static Path crash(Path image, String makeOptions, String mountOptions, long seed, int steps)
            throws IOException {
        E2fsprogs.make(image, 48 << 20, makeOptions.split(" ", -1));
        Random random = new Random(seed);
        Path copy = image.resolveSibling(image.getFileName() + ".crashed");
        Path mountPoint = image.resolveSibling(image.getFileName() + ".mounted");
        try (MountedImage mounted = MountedImage.mount(image, mountPoint, mountOptions);
                BusyTree tree = new BusyTree(mounted.path(), seed)) {
            tree.live(steps / 2 + random.nextInt(1 + steps / 2));
            String how = random.nextBoolean() ? "shutdown" : "shutdown -f";
            ExternalTool.run("xfs_io", "-x", "-c", how, mounted.path().toString());
            copy(image, copy);
        }
        Files.delete(image);
        return copy;
    }

    public static void copy(Path from, Path to) throws IOException {
        ExternalTool.run("cp", "--sparse=always", from.toString(), to.toString());
    }
}
