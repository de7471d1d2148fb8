package virtshrink.originals;

import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.image.FileStamp;
import virtshrink.image.KeptFile;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.shrink.KeepOriginal;

/**
 * Looks after what is kept: first settles what dead runs have left half done, then removes what has been kept long enough. A file is removed
 * only if it is still the very one that was recorded, and nobody uses it. Used once, by one thread.
 */
public final class Upkeep {
    private static final Logger LOG = LoggerFactory.getLogger(Upkeep.class);

    private final Originals originals;
    private final DiskHost host;
    private final Clock clock;
    private final Consumer<Deed> deeds;

    /**
     * Over one connection.
     *
     * @param deeds told of everything that was done, when it has been
     */
    public Upkeep(Originals originals, DiskHost host, Clock clock, Consumer<Deed> deeds) {
        this.originals = originals;
        this.host = host;
        this.clock = clock;
        this.deeds = deeds;
    }

    /**
     * Something that was done.
     *
     * @param bytes what the host got back, 0 if nothing was removed
     * @param words a sentence
     */
    public record Deed(KeptOriginal original, Kind kind, long bytes, String words) {
        /** What it was. */
        public enum Kind {
            /** An original has been removed because its time was over. */
            REMOVED,
            /** An original was gone already. */
            MISSED,
            /** What a dead run had left half done is finished or undone. */
            SETTLED
        }
    }

    /**
     * Goes over all records. A record that fails is left for the next time.
     *
     * @throws LibvirtUnavailableException if libvirt does not answer
     */
    public void run() throws LibvirtUnavailableException {
        List<KeptOriginal> all;
        try {
            all = originals.all();
        } catch (IOException problem) {
            LOG.error("the records of kept originals cannot be read: {}", problem.toString());
            return;
        }
        for (KeptOriginal kept : all) {
            try {
                lookAfter(kept);
            } catch (LibvirtUnavailableException absent) {
                throw absent;
            } catch (IOException problem) {
                LOG.error(
                        "{}: its original {} could not be looked after: {}",
                        kept.subject(),
                        kept.original(),
                        problem.toString());
            }
        }
    }

    private void lookAfter(KeptOriginal kept) throws IOException {
        if (Originals.isAtWork(kept)) {
            return;
        }
        Optional<KeptOriginal> settled = kept.stage() == Stage.KEPT ? Optional.of(kept) : settled(kept);
        if (settled.isPresent() && isDue(settled.get())) {
            remove(settled.get());
        }
    }

    /** What a dead run has left; empty if nothing is kept, or nothing can be said yet. */
    private Optional<KeptOriginal> settled(KeptOriginal kept) throws IOException {
        Settlement.Verdict verdict =
                kept.converted() ? new ConversionSettlement(host, kept).settle() : new SwapSettlement(kept).settle();
        if (verdict instanceof Settlement.Kept found) {
            KeptOriginal now = kept.with(kept.stamp(), found.replacement()).at(Stage.KEPT, clock.instant());
            originals.write(now);
            done(now, Deed.Kind.SETTLED, 0, found.words());
            return Optional.of(now);
        } else if (verdict instanceof Settlement.Over over) {
            originals.forget(kept);
            over.words().ifPresent(words -> done(kept, Deed.Kind.SETTLED, 0, words));
        } else if (verdict instanceof Settlement.Undecided undecided) {
            LOG.warn("{}: {}", kept.subject(), undecided.words());
        }
        return Optional.empty();
    }

    private boolean isDue(KeptOriginal kept) throws IOException {
        if (kept.keep() instanceof KeepOriginal.For time) {
            return !clock.instant().isBefore(kept.since().plus(time.time()));
        }
        if (!(kept.keep() instanceof KeepOriginal.UntilCleanStop)) {
            return true;
        }
        Optional<DomainRecord> domain = host.domain(kept.uuid().toString());
        Optional<FileStamp> present = FileStamp.of(kept.image().file());
        boolean written =
                present.filter(now -> !kept.isReplacementUnchanged(now)).isPresent();
        return domain.filter(found -> host.hasStoppedCleanly(found, kept.since(), written))
                .isPresent();
    }

    private void remove(KeptOriginal kept) throws IOException {
        if (FileStamp.of(kept.image().file()).isEmpty()) {
            LOG.warn(
                    "{}: the original {} is not removed: there is no {}, it may be all that is left",
                    kept.subject(),
                    kept.original().file(),
                    kept.image().file());
            return;
        }
        Optional<String> user = host.userOf(kept.original().file());
        if (user.isPresent()) {
            LOG.warn(
                    "{}: the original {} is not removed: it is used by {}",
                    kept.subject(),
                    kept.original().file(),
                    user.get());
            return;
        }
        KeptFile.Removal removal = KeptFile.remove(kept.original().file(), kept.stamp());
        if (removal instanceof KeptFile.Removal.Done done) {
            originals.forget(kept);
            done(kept, Deed.Kind.REMOVED, done.allocatedBytes(), "it was kept " + KeepText.of(kept.keep()));
            refreshPool(kept);
        } else if (removal instanceof KeptFile.Removal.Missing) {
            originals.forget(kept);
            done(kept, Deed.Kind.MISSED, 0, "somebody else has removed it");
        } else if (removal instanceof KeptFile.Removal.LeftAlone left) {
            LOG.warn("{}: the original is not removed: {}", kept.subject(), left.reason());
        }
    }

    private void refreshPool(KeptOriginal kept) {
        try {
            host.changed(kept.image().file());
        } catch (LibvirtUnavailableException e) {
            LOG.warn(
                    "the storage pool of {} still shows the old files: {}",
                    kept.image().file(),
                    e.getMessage());
        }
    }

    private void done(KeptOriginal kept, Deed.Kind kind, long bytes, String words) {
        LOG.info(
                "{}: original {}: {}: {}",
                kept.subject(),
                kept.original().file(),
                kind.name().toLowerCase(Locale.ROOT),
                words);
        deeds.accept(new Deed(kept, kind, bytes, words));
    }
}
