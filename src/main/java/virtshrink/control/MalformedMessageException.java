package virtshrink.control;

/** A line is not what the protocol allows; the message says what is wrong with it. */
public final class MalformedMessageException extends Exception {
    MalformedMessageException(String problem) {
        super(problem);
    }
}
