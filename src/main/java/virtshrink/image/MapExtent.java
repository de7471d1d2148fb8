package virtshrink.image;

import java.util.OptionalLong;
import virtshrink.block.ByteRange;

/**
 * One run of {@code qemu-img map}.
 *
 * @param range in the guest's disk
 * @param depth 0 for the image itself, 1 for its backing file, and so on
 * @param present some layer holds it
 * @param zero reads as zero
 * @param data takes space in its layer
 * @param offset where its bytes lie in their file, if they lie there uncompressed
 */
public record MapExtent(ByteRange range, int depth, boolean present, boolean zero, boolean data, OptionalLong offset) {}
