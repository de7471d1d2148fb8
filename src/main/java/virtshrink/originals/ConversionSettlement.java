package virtshrink.originals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.image.FileStamp;
import virtshrink.image.ImagePlace;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.KeptFile;
import virtshrink.image.Leftovers;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.RedefinitionRefusedException;
import virtshrink.originals.KeptOriginal.Stage;

/**
 * Of a raw disk and its qcow2 copy. What the domain's definition names is what counts, unless the guest has meanwhile written to the other one:
 * a guest may have been starting while the definition was being changed, and has then the file of the old one.
 */
final class ConversionSettlement implements Settlement {
    private final DiskHost host;
    private final KeptOriginal kept;
    private final Path ready;
    private final Path raw;
    private final Path copy;

    ConversionSettlement(DiskHost host, KeptOriginal kept) {
        this.host = host;
        this.kept = kept;
        this.ready = Keeping.ready(kept);
        this.raw = kept.original().file();
        this.copy = kept.image().file();
    }

    @Override
    public Verdict settle() throws IOException {
        if (kept.stage() == Stage.INTENDED) {
            return unfinished();
        }
        Optional<DomainRecord> domain = host.domain(kept.uuid().toString());
        if (domain.isEmpty()) {
            return new Undecided("the domain is no longer defined, so it cannot be said whether its disk is " + raw
                    + " or " + copy + "; remove the one that is not needed, and the record of it: " + kept.id());
        }
        Optional<DomainDisk> disk = domain.get().disk(kept.target());
        if (disk.isPresent() && Handover.names(disk.get(), kept.image())) {
            return named(kept.image(), kept.original(), domain.get());
        }
        if (disk.isPresent() && Handover.names(disk.get(), kept.original())) {
            return named(kept.original(), kept.image(), domain.get());
        }
        return new Undecided("its disk is neither " + raw + " nor " + copy + " any more");
    }

    /** The domain was never told: the copy goes. */
    private Verdict unfinished() throws IOException {
        try {
            Leftovers.removeFilesBeside(ready);
        } catch (ImageRefusedException left) {
            return new Undecided(String.valueOf(left.getMessage()));
        }
        // Only this record knows that name, and nobody else has ever been told it.
        Optional<FileStamp> made = FileStamp.of(ready);
        return made.isPresent()
                ? withoutCopy(made.get(), "a run that died had only begun to convert it")
                : new Over(Optional.empty());
    }

    private Verdict named(ImagePlace inDefinition, ImagePlace other, DomainRecord domain) throws IOException {
        Optional<String> lives = whyOtherLives(inDefinition, other, domain);
        if (lives.isPresent()) {
            if (isTouched(inDefinition)) {
                return new Undecided(
                        "both " + raw + " and " + copy
                                + " have been written to since the one was made from the other; compare them, and remove the one that the guest did not use last");
            }
            return defineBack(inDefinition, other);
        }
        if (inDefinition.equals(kept.image())) {
            return new Kept(kept.replacement(), "the domain uses " + copy);
        }
        return withoutCopy(kept.replacement().orElseThrow(), "the domain uses the raw disk " + raw);
    }

    /** Why the file that the definition does not name is the guest's nevertheless. */
    private Optional<String> whyOtherLives(ImagePlace inDefinition, ImagePlace other, DomainRecord domain)
            throws IOException {
        if (FileStamp.of(inDefinition.file()).isEmpty()) {
            return Optional.of("the file in the definition has been taken away");
        }
        boolean running = domain.furtherDisks().stream().anyMatch(disk -> Handover.names(disk, other));
        return running || isTouched(other) ? Optional.of("the guest uses it") : Optional.empty();
    }

    private boolean isTouched(ImagePlace place) throws IOException {
        FileStamp recorded = place.equals(kept.original())
                ? kept.stamp()
                : kept.replacement().orElseThrow();
        return FileStamp.of(place.file()).filter(now -> !now.equals(recorded)).isPresent();
    }

    private Verdict defineBack(ImagePlace from, ImagePlace to) throws IOException {
        if (FileStamp.of(to.file()).isEmpty()) {
            return new Undecided("neither " + raw + " nor " + copy + " is there");
        }
        try {
            host.move(kept.uuid(), kept.target(), from, to);
        } catch (RedefinitionRefusedException refused) {
            return new Undecided(String.valueOf(refused.getMessage()));
        }
        return to.equals(kept.image())
                ? new Kept(kept.replacement(), "the guest uses " + copy + ", and its definition says so again")
                : withoutCopy(
                        kept.replacement().orElseThrow(),
                        "the guest uses the raw disk " + raw + ", and its definition says so again");
    }

    private Verdict withoutCopy(FileStamp made, String words) throws IOException {
        for (Path place : new Path[] {ready, copy}) {
            boolean there = FileStamp.of(place).filter(made::sameFile).isPresent();
            if (there && KeptFile.remove(place, made) instanceof KeptFile.Removal.LeftAlone left) {
                return new Undecided("the copy is not removed yet: " + left.reason());
            }
        }
        return new Over(Optional.of(words));
    }
}
