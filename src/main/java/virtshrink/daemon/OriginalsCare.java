package virtshrink.daemon;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.HistoryEntry.OriginalEvent;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.Keeping;
import virtshrink.originals.Originals;
import virtshrink.originals.Upkeep;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.ShrinkReport;

/** What the daemon has to do with originals: before, in and after its runs. Thread-safe. */
final class OriginalsCare {
    private static final Logger LOG = LoggerFactory.getLogger(OriginalsCare.class);

    private final Workshop workshop;
    private final Originals originals;

    OriginalsCare(Workshop workshop) {
        this.workshop = workshop;
        this.originals = new Originals(workshop.history().directory());
    }

    /**
     * Removes what has been kept long enough, and settles what dead runs have left.
     *
     * @param schedule whose night begins; empty at the daemon's start
     */
    void tidyUp(DomainLink link, String schedule) throws LibvirtUnavailableException, WorkOverException {
        link.ask(domains -> {
            new Upkeep(originals, domains.diskHost(), workshop.clock(), deed -> remember(deed, schedule)).run();
            return schedule;
        });
    }

    private void remember(Upkeep.Deed deed, String schedule) {
        new RunLog(workshop.history())
                .remember(new OriginalEvent(
                        workshop.clock().instant(),
                        schedule,
                        deed.original().domain(),
                        deed.original().uuid(),
                        deed.original().target(),
                        deed.original().image().file(),
                        deed.original().original().file(),
                        deed.kind().name().toLowerCase(Locale.ROOT),
                        deed.bytes(),
                        deed.words()));
    }

    /** What runs on the disks of one domain so that their originals are treated as the policy says. */
    Workshop.DiskRunner runner(DomainRecord domain, OriginalsPolicy policy, DomainLink link) {
        if (policy.equals(OriginalsPolicy.STANDARD)) {
            return workshop.runner();
        }
        return (disks, progress, cancellation) -> {
            try {
                RunDirectory runs = RunDirectory.standard();
                Keeping keeping = Keeping.begin(originals, domain, disks, policy, workshop.clock());
                List<ShrinkReport> reports = workshop.runner().run(keeping.requests(), progress, cancellation);
                return keeping.finish(reports, runs, cancellation, () -> afresh(link, domain));
            } catch (IOException e) {
                LOG.debug("the state directory fails", e);
                return disks.stream()
                        .map(disk -> ShrinkReport.failed(disk, "its original could not be kept: " + e.getMessage()))
                        .toList();
            }
        };
    }

    /** Over a connection that works: the one that the domain was judged over may have been lost while its disks were worked on. */
    private static DiskHost afresh(DomainLink link, DomainRecord domain) throws LibvirtUnavailableException {
        try {
            return link.ask(domains -> {
                domains.diskHost().domain(domain.uuid().toString());
                return domains.diskHost();
            });
        } catch (WorkOverException over) {
            throw new LibvirtUnavailableException(over.reason());
        }
    }
}
