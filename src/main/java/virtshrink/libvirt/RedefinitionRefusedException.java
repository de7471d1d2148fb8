package virtshrink.libvirt;

/** A domain's definition is not what it would have to be to be changed. The message is a sentence. */
public final class RedefinitionRefusedException extends Exception {
    public RedefinitionRefusedException(String message) {
        super(message);
    }
}
