package virtshrink.filesystem.signature;

import java.util.Set;
import virtshrink.filesystem.FilesystemIdentity;

/**
 * A format that was recognised and is not read.
 *
 * @param identity its type, and name and measure where they are easily had
 * @param title for people, such as {@code LUKS encryption}
 */
public record FoundSignature(FilesystemIdentity identity, String title) {
    private static final Set<String> VERIFYING = Set.of("DM_verity_hash", "avb_vbmeta");

    /** Whether this holds checksums over all blocks of another volume of the disk, the free ones included. */
    public boolean coversFreeBlocks() {
        return VERIFYING.contains(identity.type());
    }
}
