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
                .map(eligible -> eligible.request()
                        .withGuard(new SeeingGuard(eligible.request().guard(), unseen())))
                .toList();
    }

    /** A disk that is left alone may hold the root of a suspended guest; a removable medium does not. */
    private Optional<String> unseen() {
        for (DiskVerdict verdict : disks) {
            String device = verdict.disk().device();
            if (verdict instanceof DiskVerdict.Refused && (device.equals("disk") || device.equals("lun"))) {
                return Optional.of("disk " + verdict.disk().target()
                        + " of the domain is not looked at, so the guest may be suspended and need this");
            }
        }
        return Optional.empty();
    }

    private record SeeingGuard(ShrinkRequest.IdleGuard idle, Optional<String> unseen)
            implements ShrinkRequest.IdleGuard {
        @Override
        public Optional<String> whyNotNow() {
            return idle.whyNotNow();
        }

        @Override
        public Optional<String> whyNoReplay() {
            return idle.whyNoReplay();
        }

        @Override
        public Optional<String> domain() {
            return idle.domain();
        }
    }
}
