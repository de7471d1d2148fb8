package virtshrink.cli;

/** Arguments that are each right but do not go together; the message says what to change. */
final class WrongUsageException extends Exception {
    WrongUsageException(String message) {
        super(message);
    }
}
