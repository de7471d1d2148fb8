package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/** {@code hiberfil.sys}: the memory of a Windows that hibernates, or of its kernel alone where fast startup is on. */
final class HibernationFile {
    private static final String NAME = "hiberfil.sys";
    private static final int HEADER_BYTES = 4096;

    private HibernationFile() {}

    /** Why a Windows may be hibernated on this volume; empty if none is. */
    static Optional<String> whyHibernated(MasterFileTable mft) throws IOException {
        OptionalLong reference = RootDirectory.find(mft, NAME);
        if (reference.isEmpty()) {
            return Optional.empty();
        }
        long number = FileReference.record(reference.getAsLong());
        NtfsFile file = mft.file(number, NAME);
        if (file.base().sequenceNumber() != FileReference.sequenceNumber(reference.getAsLong())) {
            throw file.base().bytes().corrupt(0x10, "the root directory refers to another %s".formatted(NAME));
        }
        AttributeStream data = file.data();
        if (data.isCompressedOrEncrypted()) {
            return Optional.of("%s is compressed or encrypted, so Windows may be hibernated".formatted(NAME));
        }
        if (data.dataBytes() < HEADER_BYTES) {
            return Optional.of("%s has no header, so Windows may be hibernated".formatted(NAME));
        }
        ByteBuffer header = mft.read(data, 0, HEADER_BYTES);
        String mark = StandardCharsets.ISO_8859_1.decode(header.slice(0, 4)).toString();
        if (isZero(header)) {
            return Optional.empty();
        }
        return switch (mark.toLowerCase(Locale.ROOT)) {
            case "hibr" -> Optional.of("Windows is hibernated, or was shut down with fast startup");
            case "wake" -> Optional.empty();
            default -> Optional.of("%s has an unknown header, so Windows may be hibernated".formatted(NAME));
        };
    }

    private static boolean isZero(ByteBuffer header) {
        for (int at = 0; at < header.limit(); at++) {
            if (header.get(at) != 0) {
                return false;
            }
        }
        return true;
    }
}
