package virtshrink.libvirt;

/** How much is proven: what every build can afford, or, with {@code -Dvirtshrink.proofs=true}, what takes minutes too. */
public final class Proofs {
    /** The system property. */
    public static final String PROPERTY = "virtshrink.proofs";

    private Proofs() {}

    /** Whether the long ones are wanted. */
    public static boolean areWanted() {
        return Boolean.getBoolean(PROPERTY);
    }
}
