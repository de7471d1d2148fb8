package virtshrink.filesystem.signature;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import virtshrink.block.BlockSource;
import virtshrink.filesystem.FilesystemIdentity;

/**
 * Recognises formats by their signatures, wherever on the volume they keep them, its end included. When in doubt a format counts as
 * present: a volume with two of them is left alone. Stateless; bounded in time and memory on any content.
 */
public final class Signatures {
    private static final List<Signature> ALL = Stream.of(
                    MicrosoftFilesystems.ALL,
                    LinuxFilesystems.ALL,
                    OtherFilesystems.ALL,
                    Containers.ALL,
                    RaidMembers.ALL)
            .flatMap(List::stream)
            .toList();

    private Signatures() {}

    /**
     * All formats that have left their mark, in no particular order.
     *
     * @throws IOException only if the volume cannot be read
     */
    public static List<FoundSignature> find(BlockSource volume) throws IOException {
        VolumeWindow window = new VolumeWindow(volume);
        List<FoundSignature> found = new ArrayList<>();
        for (Signature signature : ALL) {
            Optional<FilesystemIdentity> identity = signature.find(window);
            if (identity.isPresent()) {
                found.add(new FoundSignature(identity.get(), signature.title()));
            }
        }
        return found;
    }

    /**
     * Whether a dm-verity hash tree was put behind a filesystem in the same volume, as {@code veritysetup --hash-offset} does.
     *
     * @param filesystemBytes size of that filesystem; looked at are this place and the next ones aligned to usual block sizes
     */
    public static boolean hasVerityBehind(BlockSource volume, long filesystemBytes) throws IOException {
        VolumeWindow window = new VolumeWindow(volume);
        for (int align : new int[] {512, 4096, 65536, 1 << 20}) {
            long offset = filesystemBytes + (align - filesystemBytes % align) % align;
            if (filesystemBytes > 0 && offset > 0 && window.matches(offset, Containers.VERITY_MAGIC)) {
                return true;
            }
        }
        return false;
    }
}
