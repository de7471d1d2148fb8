package virtshrink.os;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;

/** Kinds of filesystem by the {@code f_type} of {@code statfs(2)}, for messages and decisions. */
public enum FileSystemType {
    EXT(0xef53L),
    XFS(0x58465342L),
    BTRFS(0x9123683eL),
    BCACHEFS(0xca451a4eL),
    F2FS(0xf2f52010L),
    ZFS(0x2fc12fc1L),
    NFS(0x6969L),
    CIFS(0xff534d42L),
    SMB2(0xfe534d42L),
    CEPH(0x00c36400L),
    GFS2(0x01161970L),
    OCFS2(0x7461636fL),
    FUSE(0x65735546L),
    TMPFS(0x01021994L),
    RAMFS(0x858458f6L),
    OVERLAY(0x794c7630L),
    FAT(0x4d44L),
    EXFAT(0x2011bab0L),
    NTFS(0x7366746eL),
    OTHER(0);

    private static final int STATFS_BYTES = 256; // 120 today

    private final long magic;

    FileSystemType(long magic) {
        this.magic = magic;
    }

    /** Of the filesystem that holds the path. */
    public static FileSystemType of(Path path) throws OsException {
        byte[] result = new byte[STATFS_BYTES];
        if (Libc.statfs(PathBytes.of(path), result) != 0) {
            throw OsException.last("statfs", path);
        }
        // f_type is a signed word of which the upper half is only sign.
        long type = ByteBuffer.wrap(result).order(ByteOrder.nativeOrder()).getInt(0) & 0xffff_ffffL;
        return Arrays.stream(values())
                .filter(known -> known != OTHER && known.magic == type)
                .findFirst()
                .orElse(OTHER);
    }

    /** Whether the content is gone with the power: nothing on such a filesystem occupies a disk. */
    public boolean inMemory() {
        return this == TMPFS || this == RAMFS;
    }

    /** Whether other hosts may use the same files at the same time. */
    public boolean sharedBetweenHosts() {
        return switch (this) {
            case NFS, CIFS, SMB2, CEPH, GFS2, OCFS2 -> true;
            default -> false;
        };
    }

    /** Whether a lease tells of every opener: not of those on other hosts, nor of those below a filesystem in user space. */
    public boolean leasesAreComplete() {
        return !sharedBetweenHosts() && this != FUSE;
    }
}
