package virtshrink.originals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.image.FileStamp;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImagePlace;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.KeptFile;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DiskSource;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.os.ProcessIdentity;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.Cause;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.RawDisks;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/**
 * The run on the disks of one domain, as far as the originals are concerned: what is asked of the pipeline so that they stay, and what is done
 * when it has ended. What a raw disk becomes is decided by the caller's estimate: one that is asked for here is converted whatever the gain.
 * Used once, by one thread.
 */
public final class Keeping {
    private static final Logger LOG = LoggerFactory.getLogger(Keeping.class);
    private static final DateTimeFormatter WHEN =
            DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);

    private final Originals originals;
    private final DomainRecord domain;
    private final OriginalsPolicy policy;
    private final Clock clock;
    private final List<ShrinkRequest> requests = new ArrayList<>();
    private final Map<Path, KeptOriginal> intended = new HashMap<>();
    private final Map<Path, String> notConverted = new HashMap<>();

    private Keeping(Originals originals, DomainRecord domain, OriginalsPolicy policy, Clock clock) {
        this.originals = originals;
        this.domain = domain;
        this.policy = policy;
        this.clock = clock;
    }

    /**
     * Writes down what is going to be kept.
     *
     * @param disks as they would be asked for if nothing were kept; those that only look stay as they are
     */
    public static Keeping begin(
            Originals originals, DomainRecord domain, List<ShrinkRequest> disks, OriginalsPolicy policy, Clock clock)
            throws IOException {
        Keeping keeping = new Keeping(originals, domain, policy, clock);
        try {
            for (ShrinkRequest disk : disks) {
                keeping.requests.add(keeping.prepared(disk));
            }
            return keeping;
        } catch (IOException problem) {
            // A record without a run is settled by the next upkeep.
            keeping.intended.values().forEach(originals::letGo);
            throw problem;
        }
    }

    /** What is to be asked of the pipeline: as many as were given, in their order. */
    public List<ShrinkRequest> requests() {
        return List.copyOf(requests);
    }

    /** Where a connection comes from. */
    public interface Hosts {
        /** One that works now. */
        DiskHost connect() throws LibvirtUnavailableException;
    }

    private ShrinkRequest prepared(ShrinkRequest disk) throws IOException {
        if (disk.dryRun()
                || disk.inPlace()
                || disk.output().isPresent()
                || disk.target().isEmpty()) {
            return disk;
        }
        Optional<FileStamp> stamp = FileStamp.of(disk.image().toRealPath());
        if (stamp.isEmpty()) {
            return disk;
        }
        if (policy.raw() == RawDisks.CONVERT && disk.format() == ImageFormat.RAW) {
            Optional<String> objection = whyNotConverted(disk);
            if (objection.isEmpty()) {
                return converted(disk, stamp.get());
            }
            notConverted.put(disk.image(), objection.get());
        }
        return policy.keepOriginal() instanceof KeepOriginal.No ? disk : kept(disk, stamp.get());
    }

    private ShrinkRequest kept(ShrinkRequest disk, FileStamp stamp) throws IOException {
        // More than one may be kept of a disk, each for its own time.
        String suffix = ".virt-shrink-original-" + WHEN.format(clock.instant());
        Path image = disk.image().toRealPath();
        ImagePlace original = new ImagePlace(image.resolveSibling(image.getFileName() + suffix), disk.format());
        intend(disk, new ImagePlace(image, disk.format()), original, stamp, policy.keepOriginal());
        return disk.keepingOriginal(suffix);
    }

    /** What keeps a raw disk as it is; it is shrunk all the same. */
    private Optional<String> whyNotConverted(ShrinkRequest disk) throws IOException {
        Optional<DomainDisk> defined = domain.disk(disk.target().orElseThrow());
        if (defined.isEmpty() || !(defined.get().source() instanceof DiskSource.ImageFile)) {
            return Optional.of("it is defined as a volume of a storage pool, not as a file");
        }
        if (domain.checkpoints() > 0) {
            return Optional.of("the domain has checkpoints, which speak of the raw disk");
        }
        Path named = qcow2Beside(disk.image().toRealPath());
        return Files.exists(named, LinkOption.NOFOLLOW_LINKS)
                ? Optional.of(named + " exists already")
                : Optional.empty();
    }

    private ShrinkRequest converted(ShrinkRequest disk, FileStamp stamp) throws IOException {
        Path raw = disk.image().toRealPath();
        ImagePlace copy = new ImagePlace(qcow2Beside(raw), ImageFormat.QCOW2);
        KeptOriginal record = intend(disk, copy, new ImagePlace(raw, ImageFormat.RAW), stamp, policy.keepConverted());
        return disk.convertedTo(ready(record), ImageFormat.QCOW2);
    }

    /** {@code disk.img} becomes {@code disk.qcow2}; an ending that does not say raw stays. */
    static Path qcow2Beside(Path raw) {
        String name = String.valueOf(raw.getFileName()).replaceFirst("(?i)(?<=.)\\.(img|raw)$", "");
        return raw.resolveSibling(name + ".qcow2");
    }

    /** Where the copy lies until its domain is given it. */
    static Path ready(KeptOriginal kept) {
        Path named = kept.image().file();
        return named.resolveSibling("." + named.getFileName() + ".virt-shrink-" + kept.id() + ".ready");
    }

    private KeptOriginal intend(
            ShrinkRequest disk, ImagePlace image, ImagePlace original, FileStamp stamp, KeepOriginal keep)
            throws IOException {
        KeptOriginal record = new KeptOriginal(
                Originals.newId(),
                Stage.INTENDED,
                ProcessIdentity.ofThisProcess(),
                clock.instant(),
                domain.uuid(),
                domain.name(),
                disk.target().orElseThrow(),
                image,
                original,
                stamp,
                Optional.empty(),
                keep);
        originals.workOn(record);
        intended.put(disk.image(), record);
        return record;
    }

    /**
     * Settles everything when the pipeline has ended.
     *
     * @param reports on {@link #requests}, in their order
     * @param cancellation of what is still to be done
     * @param hosts connects to libvirt where that is needed
     * @return the reports, as changed by what followed
     */
    public List<ShrinkReport> finish(
            List<ShrinkReport> reports, RunDirectory runs, Cancellation cancellation, Hosts hosts) {
        List<ShrinkReport> settled = new ArrayList<>();
        for (int i = 0; i < reports.size(); i++) {
            ShrinkReport report = reports.get(i);
            ShrinkRequest request = requests.get(i);
            Optional<KeptOriginal> record = Optional.ofNullable(intended.get(request.image()));
            Optional<String> raw = Optional.ofNullable(notConverted.get(request.image()));
            if (raw.isPresent()) {
                report = report.withNote("the disk stays raw: " + raw.get());
            }
            settled.add(record.isPresent() ? finish(report, request, record.get(), hosts, runs, cancellation) : report);
        }
        return settled;
    }

    private ShrinkReport finish(
            ShrinkReport report,
            ShrinkRequest request,
            KeptOriginal record,
            Hosts hosts,
            RunDirectory runs,
            Cancellation cancellation) {
        // One disk past its point of no return must not keep the next one from being cancelled.
        Cancellation own = new Cancellation();
        Cancellation.Registration linked = cancellation.onCancel(
                () -> own.cancel(cancellation.cause(), cancellation.reason().orElse("the run was cancelled")));
        try {
            if (report.outcome() != Outcome.SHRUNK) {
                originals.forget(record);
                return report;
            }
            return record.converted()
                    ? handOver(report, request, record, hosts.connect(), runs, own)
                    : noted(report, record);
        } catch (IOException problem) {
            LOG.error("{}: what becomes of its original is not settled", record.subject(), problem);
            if (record.converted()) {
                return report.endedUnchanged(Cause.FAULT, "its domain was not redefined: " + problem.getMessage());
            }
            return report.withNote("the daemon settles at its next start or night what becomes of the original: "
                    + problem.getMessage());
        } finally {
            linked.close();
            originals.letGo(record);
        }
    }

    private ShrinkReport noted(ShrinkReport report, KeptOriginal record) throws IOException {
        Optional<FileStamp> kept = FileStamp.of(record.original().file());
        if (kept.isEmpty()) {
            originals.forget(record);
            return report.withNote("the original is not where it was to be kept: "
                    + record.original().file());
        }
        Optional<FileStamp> present = FileStamp.of(record.image().file());
        // A guest may have started since: then it has written to the new image, which was given the original's time.
        Optional<FileStamp> untouched = present.filter(now -> now.sameTime(kept.get()));
        originals.write(record.with(kept.get(), untouched).at(Stage.KEPT, clock.instant()));
        return report.withNote("the original is kept " + KeepText.of(record.keep()));
    }

    private ShrinkReport handOver(
            ShrinkReport report,
            ShrinkRequest request,
            KeptOriginal record,
            DiskHost host,
            RunDirectory runs,
            Cancellation cancellation)
            throws IOException {
        Path ready = ready(record);
        FileStamp copy = FileStamp.of(ready).orElseThrow(() -> new IOException("the converted image is gone"));
        if (!copy.sameTime(record.stamp())) {
            discard(record, ready, copy);
            return report.endedUnchanged(Cause.IN_USE, request.image() + " was written to while it was converted");
        }
        KeptOriginal moving = record.with(record.stamp(), Optional.of(copy)).at(Stage.MOVING, clock.instant());
        originals.write(moving);
        try {
            new Handover(host, runs, guard(host, record), cancellation).there(moving, ready);
        } catch (ImageRefusedException refused) {
            discard(record, ready, copy);
            // A guest that is let in shows everywhere: in libvirt's answer, in its locks.
            return cancellation
                    .reason()
                    .map(why -> report.endedUnchanged(cancellation.cause(), why))
                    .orElseGet(() -> report.endedUnchanged(Cause.of(refused), String.valueOf(refused.getMessage())));
        } catch (RunCancelledException stopped) {
            discard(record, ready, copy);
            Cause why = cancellation.reason().isPresent() ? cancellation.cause() : Cause.GUEST_STARTS;
            return report.endedUnchanged(why, String.valueOf(stopped.getMessage()));
        } catch (IOException problem) {
            LOG.warn("{}: not given its qcow2 image, or not surely", record.subject(), problem);
            return report.endedUnchanged(
                    Cause.FAULT,
                    problem.getMessage()
                            + "; both images are whole, and the daemon settles at its next start or night which one it is");
        }
        originals.write(moving.at(Stage.KEPT, clock.instant()));
        return report.on(record.image().file())
                .withNote("the domain uses " + record.image().file() + " now; the raw disk " + request.image()
                        + " is kept " + KeepText.of(record.keep()));
    }

    private IdleGuard guard(DiskHost host, KeptOriginal record) {
        return host.guard(domain, domain.disk(record.target()).orElseThrow());
    }

    private void discard(KeptOriginal record, Path ready, FileStamp copy) throws IOException {
        if (KeptFile.remove(ready, copy) instanceof KeptFile.Removal.LeftAlone left) {
            // Still on record, so the next upkeep tries again.
            LOG.warn("{}: the copy is not removed yet: {}", record.subject(), left.reason());
            return;
        }
        originals.forget(record);
    }
}
