package virtshrink.filesystem.closed;

/** The answer of a filesystem to the question whether anybody had it open for writing and did not close it. */
public sealed interface ClosedMark {
    /** Every driver that opens it for writing takes this mark away at once and sets it again when it has written everything. */
    record Closed() implements ClosedMark {}

    /**
     * Not closed, or with errors.
     *
     * @param reason for people
     */
    record Open(String reason) implements ClosedMark {}

    /**
     * A variant of the format of which the mark says too little, or a broken one.
     *
     * @param reason for people
     */
    record Unusable(String reason) implements ClosedMark {}
}
