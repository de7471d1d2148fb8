package virtshrink.shrink;

/**
 * What a {@link ClassicalFiller} did.
 *
 * @param bytesWritten zeros that reached the filesystem
 * @param files how many files held them, all gone by now
 */
public record FillReport(long bytesWritten, int files) {}
