package virtshrink.libvirt;

import java.util.List;
import java.util.Optional;
import virtshrink.shrink.ShrinkRequest;

/**
 * Whether the disks of a domain may be shrunk.
 *
 * @param refusal why the domain as a whole is left alone; every disk is then refused for it
 * @param disks one verdict for each disk, in the order of the XML
 * @param notes what could not be learnt about who else uses the images, each a sentence
 */
public record DomainVerdict(
        DomainRecord domain, Optional<String> refusal, List<DiskVerdict> disks, List<String> notes) {
    public DomainVerdict {
        disks = List.copyOf(disks);
        notes = List.copyOf(notes);
    }

    /** What may be shrunk, in the order of the XML. */
    public List<ShrinkRequest> requests() {
        return disks.stream()
                .filter(DiskVerdict.Eligible.class::isInstance)
                .map(DiskVerdict.Eligible.class::cast)
                .map(DiskVerdict.Eligible::request)
                .toList();
    }
}
