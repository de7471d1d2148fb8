package virtshrink.libvirt;

/** Settings that make no policy; the message says which and why, without the domain's name. */
public final class InvalidPolicyException extends Exception {
    InvalidPolicyException(String message) {
        super(message);
    }
}
