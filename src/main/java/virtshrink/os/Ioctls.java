package virtshrink.os;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** The file requests of {@code linux/fs.h} and {@code linux/fiemap.h}, numbered as asm-generic numbers them. */
final class Ioctls {
    private static final long FS_IOC_GETFLAGS = 0x8008_6601L;
    private static final long FS_IOC_SETFLAGS = 0x4008_6602L;
    private static final long FS_IOC_FSGETXATTR = 0x801c_581fL;
    private static final long FS_IOC_FSSETXATTR = 0x401c_5820L;
    private static final long FS_IOC_FIEMAP = 0xc020_660bL;
    private static final long FICLONERANGE = 0x4020_940dL;

    private static final int FIEMAP_HEADER_BYTES = 32;
    private static final int FIEMAP_EXTENT_BYTES = 56;
    private static final int FIEMAP_BATCH = 512;
    private static final int FIEMAP_FLAG_SYNC = 1;

    private Ioctls() {}

    static OptionalInt inodeFlags(OpenFile file) throws OsException {
        byte[] flags = new byte[Long.BYTES];
        try {
            ioctl(file, "FS_IOC_GETFLAGS", FS_IOC_GETFLAGS, flags);
        } catch (OsException e) {
            if (e.isUnsupported()) {
                return OptionalInt.empty();
            }
            throw e;
        }
        // The request is coded with the size of a long, but every filesystem fills an int.
        return OptionalInt.of(SystemCall.struct(flags).getInt(0));
    }

    static void setInodeFlags(OpenFile file, int flags) throws OsException {
        byte[] argument = new byte[Long.BYTES];
        SystemCall.struct(argument).putInt(0, flags);
        ioctl(file, "FS_IOC_SETFLAGS", FS_IOC_SETFLAGS, argument);
    }

    static Optional<ExtendedFileAttributes> extendedAttributes(OpenFile file) throws OsException {
        byte[] bytes = new byte[ExtendedFileAttributes.BYTES];
        try {
            ioctl(file, "FS_IOC_FSGETXATTR", FS_IOC_FSGETXATTR, bytes);
        } catch (OsException e) {
            if (e.isUnsupported()) {
                return Optional.empty();
            }
            throw e;
        }
        ByteBuffer fsxattr = SystemCall.struct(bytes);
        return Optional.of(new ExtendedFileAttributes(
                fsxattr.getInt(0), // fsx_xflags
                fsxattr.getInt(4), // fsx_extsize
                fsxattr.getInt(12), // fsx_projid
                fsxattr.getInt(16))); // fsx_cowextsize
    }

    static void setExtendedAttributes(OpenFile file, ExtendedFileAttributes attributes) throws OsException {
        byte[] bytes = new byte[ExtendedFileAttributes.BYTES];
        SystemCall.struct(bytes)
                .putInt(0, attributes.flags())
                .putInt(4, attributes.extentSizeHintBytes())
                .putInt(12, attributes.projectId())
                .putInt(16, attributes.copyOnWriteExtentSizeHintBytes());
        ioctl(file, "FS_IOC_FSSETXATTR", FS_IOC_FSSETXATTR, bytes);
    }

    static List<PhysicalExtent> extentsFrom(OpenFile file, long logicalBytes) throws OsException {
        byte[] bytes = new byte[FIEMAP_HEADER_BYTES + FIEMAP_BATCH * FIEMAP_EXTENT_BYTES];
        ByteBuffer fiemap = SystemCall.struct(bytes);
        fiemap.putLong(0, logicalBytes); // fm_start
        fiemap.putLong(8, Long.MAX_VALUE - logicalBytes); // fm_length
        fiemap.putInt(16, FIEMAP_FLAG_SYNC); // fm_flags
        fiemap.putInt(24, FIEMAP_BATCH); // fm_extent_count
        ioctl(file, "FS_IOC_FIEMAP", FS_IOC_FIEMAP, bytes);
        int mapped = Math.min(fiemap.getInt(20), FIEMAP_BATCH); // fm_mapped_extents
        List<PhysicalExtent> extents = new ArrayList<>(mapped);
        for (int i = 0; i < mapped; i++) {
            int at = FIEMAP_HEADER_BYTES + i * FIEMAP_EXTENT_BYTES;
            PhysicalExtent extent = new PhysicalExtent(
                    fiemap.getLong(at), // fe_logical
                    fiemap.getLong(at + 8), // fe_physical
                    fiemap.getLong(at + 16), // fe_length
                    fiemap.getInt(at + 40)); // fe_flags
            // Without this a filesystem that repeats itself would keep a caller in its loop for ever.
            if (extent.lengthBytes() <= 0 || extent.logicalBytes() + extent.lengthBytes() <= logicalBytes) {
                throw new OsException("FS_IOC_FIEMAP", file.path(), Errno.EUCLEAN.number());
            }
            extents.add(extent);
        }
        return extents;
    }

    static void cloneRange(OpenFile file, OpenFile source, long sourceOffset, long length, long offset)
            throws OsException {
        byte[] range = new byte[32];
        SystemCall.struct(range)
                .putLong(0, source.descriptor()) // src_fd
                .putLong(8, sourceOffset) // src_offset
                .putLong(16, length) // src_length
                .putLong(24, offset); // dest_offset
        ioctl(file, "FICLONERANGE", FICLONERANGE, range);
    }

    private static void ioctl(OpenFile file, String name, long request, byte[] argument) throws OsException {
        SystemCall.check(name, file.path(), () -> Libc.ioctl(file.descriptor(), request, argument));
    }
}
