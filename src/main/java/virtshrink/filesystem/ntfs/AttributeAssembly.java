package virtshrink.filesystem.ntfs;

import java.util.Optional;

/** Joins the extents of one attribute, which must follow one another without a gap. */
final class AttributeAssembly {
    private final String name;
    private final NtfsBootSector boot;
    private final RunList runs;
    private Optional<AttributeRecord> first = Optional.empty();

    /**
     * @param name for messages
     * @param runs empty; filled with each extent
     */
    AttributeAssembly(String name, NtfsBootSector boot, RunList runs) {
        this.name = name;
        this.boot = boot;
        this.runs = runs;
    }

    boolean isEmpty() {
        return first.isEmpty();
    }

    void add(AttributeRecord extent) {
        boolean fits = extent.lowestVcn() == runs.clusters()
                && first.map(head -> head.nonResident() && extent.nonResident()).orElse(true);
        if (!fits) {
            throw extent.record()
                    .corrupt(
                            extent.at(),
                            "an extent of %s begins at virtual cluster %d, expected %d"
                                    .formatted(name, extent.lowestVcn(), runs.clusters()));
        }
        first = first.or(() -> Optional.of(extent));
        if (extent.nonResident()) {
            extent.forEachRun(boot.clusters(), runs::add);
        }
    }

    /** The whole attribute; call it only when there is an extent. */
    AttributeStream stream() {
        AttributeRecord head = first.orElseThrow();
        if (!head.nonResident()) {
            return AttributeStream.resident(name, head.value(), head.flags());
        }
        long allocatedBytes = head.allocatedBytes();
        long dataBytes = head.dataBytes();
        long initialisedBytes = head.initialisedBytes();
        boolean sizes = initialisedBytes <= dataBytes
                && dataBytes <= allocatedBytes
                && runs.clusters() <= Long.MAX_VALUE / boot.clusterBytes()
                && allocatedBytes == runs.clusters() * boot.clusterBytes();
        if (!sizes) {
            throw head.record()
                    .corrupt(
                            head.at() + 0x28,
                            "%s: %d bytes initialised of %d, %d allocated, %d clusters mapped"
                                    .formatted(name, initialisedBytes, dataBytes, allocatedBytes, runs.clusters()));
        }
        return AttributeStream.inClusters(name, runs, head.flags(), dataBytes, initialisedBytes);
    }
}
