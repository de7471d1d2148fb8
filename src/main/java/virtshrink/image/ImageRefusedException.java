package virtshrink.image;

/** An image that is left alone; the message is the reason as an administrator reads it. Nothing has been changed. */
public final class ImageRefusedException extends Exception {
    public ImageRefusedException(String reason) {
        super(reason);
    }
}
