package virtshrink.filesystem.xfs;

import virtshrink.block.StructureBytes;

/**
 * A place in the log's history ({@code xfs_lsn_t}).
 *
 * @param cycle how often the log had been written from its start, unsigned 32 bits
 * @param block in units of 512 bytes from the log's start, unsigned 32 bits
 */
record XfsLsn(long cycle, long block) implements Comparable<XfsLsn> {
    static XfsLsn of(long raw) {
        return new XfsLsn(raw >>> 32, raw & 0xffffffffL);
    }

    /** {@code NULLCOMMITLSN}: never written through the log. */
    boolean isNull() {
        return cycle == 0xffffffffL && block == 0xffffffffL;
    }

    @Override
    public int compareTo(XfsLsn other) {
        return cycle != other.cycle ? Long.compare(cycle, other.cycle) : Long.compare(block, other.block);
    }

    /** Whether metadata that says it was written then was written later than this. */
    boolean isBefore(XfsLsn written) {
        return !written.isNull() && compareTo(written) < 0;
    }

    /**
     * Metadata of version 5 says when it was last written; that cannot be later than the log's end.
     *
     * @throws virtshrink.block.CorruptStructureException if it is later than this
     */
    void verifyNotBefore(StructureBytes structure, int at) {
        XfsLsn written = of(structure.i64be(at));
        if (isBefore(written)) {
            throw structure.corrupt(at, "written at %s of the log, which ends at %s".formatted(written, this));
        }
    }

    @Override
    public String toString() {
        return cycle + ":" + block;
    }
}
