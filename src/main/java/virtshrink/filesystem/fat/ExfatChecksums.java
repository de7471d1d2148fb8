package virtshrink.filesystem.fat;

/** exFAT's checksums rotate the sum to the right by one bit and add the next byte. */
final class ExfatChecksums {
    private ExfatChecksums() {}

    /** Of boot regions and the up-case table (figures 1 and 3 of the specification). */
    static int add(int checksum, byte next) {
        return Integer.rotateRight(checksum, 1) + (next & 0xff);
    }

    /** {@code SetChecksum} of a set of directory entries (figure 2). */
    static int add16(int checksum, byte next) {
        return (((checksum & 1) << 15) + (checksum >>> 1) + (next & 0xff)) & 0xffff;
    }
}
