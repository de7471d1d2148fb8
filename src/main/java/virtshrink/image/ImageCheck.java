package virtshrink.image;

/**
 * What {@code qemu-img check} found.
 *
 * @param corruptions inconsistencies that may damage data
 * @param leaks clusters that count as used and are not: lost space, no error
 * @param checkErrors things that could not be checked
 * @param totalClusters of the virtual disk
 * @param allocatedClusters of them, those that have a place in the file, compressed ones included
 * @param compressedClusters of the allocated ones
 * @param fragmentedClusters of the allocated ones, those that do not follow their predecessor in the file
 * @param imageEndOffset behind the last cluster in use
 */
public record ImageCheck(
        long corruptions,
        long leaks,
        long checkErrors,
        long totalClusters,
        long allocatedClusters,
        long compressedClusters,
        long fragmentedClusters,
        long imageEndOffset) {
    /** Whether the image is whole; leaks alone are no error. */
    public boolean sound() {
        return corruptions == 0 && checkErrors == 0;
    }

    static ImageCheck of(QemuAnswer answer) throws ToolFailedException {
        ImageCheck check = new ImageCheck(
                answer.countOrZero("corruptions"),
                answer.countOrZero("leaks"),
                answer.countOrZero("check-errors"),
                answer.countOrZero("total-clusters"),
                answer.countOrZero("allocated-clusters"),
                answer.countOrZero("compressed-clusters"),
                answer.countOrZero("fragmented-clusters"),
                answer.countOrZero("image-end-offset"));
        if (check.compressedClusters > check.allocatedClusters || check.allocatedClusters > check.totalClusters) {
            throw answer.absurd("allocated-clusters", check);
        }
        return check;
    }
}
