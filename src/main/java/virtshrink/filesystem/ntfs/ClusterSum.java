package virtshrink.filesystem.ntfs;

/**
 * What a set of clusters adds up to: how many there are, their numbers and the squares of these, modulo 2<sup>64</sup>. Sets with the same
 * sums are taken for the same: that a cluster is owned twice and another by nobody changes them. A few numbers instead of a bitmap, however
 * large the volume.
 */
record ClusterSum(long count, long numbers, long squares) {
    static final ClusterSum NONE = new ClusterSum(0, 0, 0);

    /**
     * These clusters and a run of others.
     *
     * @param first at least 0
     * @param length at least 1, first plus length at most 2<sup>62</sup>
     */
    ClusterSum plus(long first, long length) {
        // The sums of j and of j*j for j from 0 to length - 1; one of two, or of three, neighbours can be divided.
        long previous = length - 1;
        long sum = length % 2 == 0 ? length / 2 * previous : length * (previous / 2);
        long[] factors = {length, previous, length + previous};
        factors[length % 2 == 0 ? 0 : 1] /= 2;
        for (int i = 0; i < 3; i++) {
            if (factors[i] % 3 == 0) {
                factors[i] /= 3;
                break;
            }
        }
        long squaresFromZero = factors[0] * factors[1] * factors[2];
        return new ClusterSum(
                count + length,
                numbers + length * first + sum,
                squares + length * first * first + 2 * first * sum + squaresFromZero);
    }

    /** What is left of a set of clusters without these, all of which are in it. */
    ClusterSum within(ClusterSum whole) {
        return new ClusterSum(whole.count - count, whole.numbers - numbers, whole.squares - squares);
    }
}
