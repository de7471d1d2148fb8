package virtshrink.filesystem.ntfs;

import static java.nio.charset.StandardCharsets.UTF_16LE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * {@code VOLUME_INFORMATION} and {@code VOLUME_NAME} of the file {@code $Volume}.
 *
 * @param label empty if there is none
 */
record VolumeInformation(int majorVersion, int minorVersion, int flags, String label) {
    private static final String STRUCTURE = "VOLUME_INFORMATION";
    private static final int DIRTY = 0x0001;
    private static final int RESIZE_LOG_FILE = 0x0002;
    private static final int UPGRADE_ON_MOUNT = 0x0004;
    private static final int MOUNTED_ON_NT4 = 0x0008;
    private static final int DELETE_USN_UNDERWAY = 0x0010;
    private static final int REPAIR_OBJECT_ID = 0x0020;
    /** Without a published name; Windows 8 and later set it on most volumes that they format. */
    private static final int SET_BY_WINDOWS_8 = 0x0080;

    private static final int CHKDSK_UNDERWAY = 0x4000;
    private static final int MODIFIED_BY_CHKDSK = 0x8000;

    /** Announce work on other structures that no free cluster takes part in. */
    private static final int HARMLESS =
            RESIZE_LOG_FILE | MOUNTED_ON_NT4 | REPAIR_OBJECT_ID | SET_BY_WINDOWS_8 | MODIFIED_BY_CHKDSK;

    static VolumeInformation read(MasterFileTable mft) throws IOException {
        NtfsFile file = mft.file(MasterFileTable.VOLUME, "$Volume");
        StructureBytes information = new StructureBytes(
                STRUCTURE,
                file.base().bytes().offsetBytes(),
                ByteBuffer.wrap(resident(file, AttributeRecord.VOLUME_INFORMATION)
                        .orElseThrow(() -> file.base().bytes().corrupt(0, "$Volume has no VOLUME_INFORMATION"))));
        int major = information.u8(0x08);
        int minor = information.u8(0x09);
        int flags = information.u16le(0x0A);
        byte[] name = resident(file, AttributeRecord.VOLUME_NAME).orElse(new byte[0]);
        return new VolumeInformation(major, minor, flags, new String(name, UTF_16LE));
    }

    Optional<String> whyDirty() {
        if ((flags & DIRTY) != 0) {
            return Optional.of(
                    "marked dirty: not cleanly dismounted, or chkdsk is due; in the guest: chkdsk /f, then shutdown /s /t 0");
        } else if ((flags & CHKDSK_UNDERWAY) != 0) {
            return Optional.of("marked as being repaired by chkdsk; start the guest and let it finish");
        } else if ((flags & DELETE_USN_UNDERWAY) != 0) {
            return Optional.of("the deletion of its change journal is under way; start the guest and let it finish");
        }
        return Optional.empty();
    }

    Optional<String> whyUnsupported() {
        boolean known = (majorVersion == 1 && minorVersion == 2) || (majorVersion == 3 && minorVersion <= 1);
        if (!known) {
            return Optional.of("NTFS version %d.%d is not supported".formatted(majorVersion, minorVersion));
        }
        int unknown = flags & ~(HARMLESS | DIRTY | CHKDSK_UNDERWAY | DELETE_USN_UNDERWAY);
        if ((unknown & UPGRADE_ON_MOUNT) != 0) {
            return Optional.of("marked to be converted to a newer version of NTFS");
        }
        return unknown == 0 ? Optional.empty() : Optional.of("unknown volume flags 0x%04x".formatted(unknown));
    }

    private static Optional<byte[]> resident(NtfsFile file, int type) throws IOException {
        Optional<AttributeStream> stream = file.attribute(type, "");
        if (stream.isPresent() && !stream.get().isResident()) {
            throw file.base().bytes().corrupt(0, "attribute 0x%x of $Volume is not resident".formatted(type));
        }
        return stream.map(AttributeStream::resident);
    }
}
