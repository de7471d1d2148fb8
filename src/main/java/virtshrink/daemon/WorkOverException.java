package virtshrink.daemon;

/** Nothing new may be started; the message says why. */
final class WorkOverException extends Exception {
    private final String reason;

    WorkOverException(String reason) {
        super(reason);
        this.reason = reason;
    }

    String reason() {
        return reason;
    }
}
