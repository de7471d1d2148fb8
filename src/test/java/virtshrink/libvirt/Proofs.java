package virtshrink.libvirt;

import java.util.stream.Stream;

/** How much is proven: what every build can afford, or, with {@code -Dvirtshrink.proofs=true}, all there is. */
public final class Proofs {
    /** The system property. */
    public static final String PROPERTY = "virtshrink.proofs";

    private Proofs() {}

    /** Whether all is wanted. */
    public static boolean areWanted() {
        return Boolean.getBoolean(PROPERTY);
    }

    /** Every one of the cases if all is wanted, else each second one, the first and those after it. */
    @SafeVarargs
    @SuppressWarnings("varargs") // the array is only read
    public static <T> Stream<T> cases(T... cases) {
        int step = areWanted() ? 1 : 2;
        return Stream.iterate(0, i -> i < cases.length, i -> i + step).map(i -> cases[i]);
    }
}
