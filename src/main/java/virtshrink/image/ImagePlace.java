package virtshrink.image;

import java.nio.file.Path;

/**
 * Where a disk's image is and what it is.
 *
 * @param file absolute
 */
public record ImagePlace(Path file, ImageFormat format) {}
