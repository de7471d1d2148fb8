package virtshrink.originals;

import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import virtshrink.image.FileStamp;
import virtshrink.image.ImagePlace;
import virtshrink.os.ProcessIdentity;
import virtshrink.shrink.KeepOriginal;

/**
 * An original that was displaced, or is about to be.
 *
 * @param id twelve hexadecimal digits
 * @param stage how far it is
 * @param owner the process that works on it, or was the last to do so
 * @param since when the stage was reached
 * @param uuid of the domain
 * @param domain its name then
 * @param target the guest's name of the disk
 * @param image what the guest uses instead
 * @param original where the original lies, or will lie
 * @param stamp of the original
 * @param replacement what the guest uses instead, as it was made; not known before that
 * @param keep how long it stays
 */
public record KeptOriginal(
        String id,
        Stage stage,
        ProcessIdentity owner,
        Instant since,
        UUID uuid,
        String domain,
        String target,
        ImagePlace image,
        ImagePlace original,
        FileStamp stamp,
        Optional<FileStamp> replacement,
        KeepOriginal keep) {

    /** How far an original is on its way out, or back. */
    public enum Stage {
        /** A run is about to displace it. */
        INTENDED,
        /** Its qcow2 copy is whole, and the domain is about to be given that. */
        MOVING,
        /** It is kept. */
        KEPT,
        /** It is about to be put back. */
        RETURNING
    }

    /** Whether the disk has become another format under another name, so that the domain's definition had to change. */
    public boolean converted() {
        return image.format() != original.format();
    }

    /** The same, at another stage, worked on by this process. */
    KeptOriginal at(Stage next, Instant now) throws IOException {
        return new KeptOriginal(
                id,
                next,
                ProcessIdentity.ofThisProcess(),
                now,
                uuid,
                domain,
                target,
                image,
                original,
                stamp,
                replacement,
                keep);
    }

    KeptOriginal with(FileStamp originalStamp, Optional<FileStamp> replacementStamp) {
        return new KeptOriginal(
                id, stage, owner, since, uuid, domain, target, image, original, originalStamp, replacementStamp, keep);
    }

    /**
     * Whether nobody has written to what the guest uses since it was made. A run gives its new file the original's time of modification, which
     * says it where the run could not.
     */
    boolean isReplacementUnchanged(FileStamp now) {
        return replacement.isPresent() ? replacement.get().equals(now) : now.sameTime(stamp) && !now.sameFile(stamp);
    }

    /** For people: the disk and its domain. */
    String subject() {
        return domain + " " + target;
    }
}
