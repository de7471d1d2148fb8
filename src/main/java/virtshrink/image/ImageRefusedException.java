package virtshrink.image;

/** An image that is left alone; the message is the reason as an administrator reads it. Nothing has been changed. */
public final class ImageRefusedException extends Exception {
    private final Kind kind;

    /** What stands in the way. */
    public enum Kind {
        /** What kind of file it is, its features, or what stands on it. */
        IMAGE,
        /** Another process has it open or holds a lock. */
        IN_USE,
        /** The domain it belongs to. */
        DOMAIN,
        /** What lies on the disk. */
        CONTENT,
        /** Too little space. */
        HOST_SPACE,
        /** What the host's filesystem cannot do, or does not allow. */
        HOST_FILESYSTEM
    }

    /** The image itself stands in the way. */
    public ImageRefusedException(String reason) {
        this(Kind.IMAGE, reason);
    }

    /** Something else may. */
    public ImageRefusedException(Kind kind, String reason) {
        super(reason);
        this.kind = kind;
    }

    /** What stands in the way; for figures, where the message is for people. */
    public Kind kind() {
        return kind;
    }
}
