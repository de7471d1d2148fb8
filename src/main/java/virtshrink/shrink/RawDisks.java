package virtshrink.shrink;

/** What becomes of raw disks of domains. */
public enum RawDisks {
    /** They stay raw, sparse. */
    KEEP("keep"),
    /** They become qcow2, and their domain is redefined to it. */
    CONVERT("convert");

    private final String text;

    RawDisks(String text) {
        this.text = text;
    }

    /** As {@link #parse} reads it. */
    public String text() {
        return text;
    }

    /**
     * Reads {@code keep} or {@code convert}.
     *
     * @throws IllegalArgumentException if it is neither; the message follows a colon
     */
    public static RawDisks parse(String text) {
        for (RawDisks value : values()) {
            if (value.text.equals(text)) {
                return value;
            }
        }
        throw new IllegalArgumentException("it must be keep or convert");
    }
}
