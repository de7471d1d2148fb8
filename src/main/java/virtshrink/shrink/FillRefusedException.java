package virtshrink.shrink;

/** This directory's filesystem must not, or not without being asked for, be filled. Nothing was written. */
public final class FillRefusedException extends Exception {
    FillRefusedException(String reason) {
        super(reason);
    }
}
