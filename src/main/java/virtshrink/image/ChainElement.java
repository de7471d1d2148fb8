package virtshrink.image;

import java.nio.file.Path;

/**
 * One file of a backing chain.
 *
 * @param file absolute, symbolic links resolved
 */
public record ChainElement(Path file, ImageFormat format) {}
