package virtshrink.libvirt;

import java.nio.file.Path;
import java.util.List;

/** What a domain's XML says about the files below an image. */
public sealed interface StatedBacking {
    /** Nothing: the image's own header decides. The usual case for an inactive domain. */
    record Unstated() implements StatedBacking {}

    /**
     * These files, topmost first, and no others if {@code ended}.
     *
     * @param files without what is no file of this host
     * @param ended whether the XML closes the chain with an empty {@code <backingStore/>}
     * @param onlyFiles whether every element was a file
     */
    record Chain(List<Path> files, boolean ended, boolean onlyFiles) implements StatedBacking {
        public Chain {
            files = List.copyOf(files);
        }
    }
}
