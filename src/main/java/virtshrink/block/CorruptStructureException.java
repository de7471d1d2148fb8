package virtshrink.block;

/**
 * Bytes that claim to be a structure and contradict its specification. Thrown inside parsers only; every reader turns it into a value at
 * its border.
 */
public final class CorruptStructureException extends RuntimeException {
    private final String structure;
    private final long offsetBytes;

    /**
     * @param structure the specification's name of the structure, such as {@code ext4_super_block}
     * @param offsetBytes where the structure or the offending field lies in its volume
     * @param reason what was expected and what was found
     */
    public CorruptStructureException(String structure, long offsetBytes, String reason) {
        super("%s at offset %d: %s".formatted(structure, offsetBytes, reason));
        this.structure = structure;
        this.offsetBytes = offsetBytes;
    }

    public String structure() {
        return structure;
    }

    public long offsetBytes() {
        return offsetBytes;
    }

    /** Throws unless the condition holds. */
    public static void verify(boolean condition, String structure, long offsetBytes, String reason) {
        if (!condition) {
            throw new CorruptStructureException(structure, offsetBytes, reason);
        }
    }
}
