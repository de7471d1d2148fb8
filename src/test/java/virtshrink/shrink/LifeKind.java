package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.LoopDevice;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;

/** Filesystems to live in: the only partition of a disk with a GPT. */
enum LifeKind {
    EXT4("ext4", "e2fsprogs", 64, "mke2fs -q -F -t ext4"),
    EXT4_SMALL_BLOCKS("ext4", "e2fsprogs", 48, "mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit"),
    EXT4_BIGALLOC("ext4", "e2fsprogs", 64, "mke2fs -q -F -t ext4 -C 16384 -O bigalloc,inline_data,ea_inode"),
    EXT4_NO_JOURNAL("ext4", "e2fsprogs", 48, "mke2fs -q -F -t ext4 -b 2048 -O ^has_journal,meta_bg,^resize_inode"),
    XFS("xfs", "xfsprogs", 320, "mkfs.xfs -q -f -m rmapbt=1,reflink=1,bigtime=1,inobtcount=1"),
    XFS_SMALL_BLOCKS("xfs", "xfsprogs", 320, "mkfs.xfs -q -f -b size=1024 -m rmapbt=0 -d agcount=4 -l size=64m"),
    XFS_PLAIN("xfs", "xfsprogs", 320, "mkfs.xfs -q -f -m rmapbt=0,reflink=0,finobt=0,bigtime=0 -i sparse=0"),
    BTRFS("btrfs", "btrfs-progs", 256, "mkfs.btrfs -q -f"),
    BTRFS_SINGLE("btrfs", "btrfs-progs", 256, "mkfs.btrfs -q -f -m single -d single --csum xxhash -R ^free-space-tree"),
    BTRFS_MIXED("btrfs", "btrfs-progs", 128, "mkfs.btrfs -q -f --mixed --csum sha256"),
    NTFS("ntfs", "ntfs-3g", 64, "mkntfs -q -F -Q"),
    NTFS_SMALL_CLUSTERS("ntfs", "ntfs-3g", 48, "mkntfs -q -F -Q -c 512"),
    NTFS_LARGE_CLUSTERS("ntfs", "ntfs-3g", 96, "mkntfs -q -F -Q -c 65536"),
    EXFAT("exfat", "exfatprogs", 64, "mkfs.exfat -c 4K"),
    EXFAT_SMALL_CLUSTERS("exfat", "exfatprogs", 32, "mkfs.exfat -c 512 -b 64K"),
    FAT12("vfat", "mtools", 8, "mkfs.fat -I -F 12 -s 8"),
    FAT16("vfat", "mtools", 32, "mkfs.fat -I -F 16 -s 4"),
    FAT32("vfat", "mtools", 48, "mkfs.fat -I -F 32 -s 1");

    private static final long START = 1 << 20;

    private final String type;
    private final String debianPackage;
    private final long bytes;

    @SuppressWarnings("ImmutableEnumChecker") // made by List.of
    private final List<String> make;

    LifeKind(String type, String debianPackage, long mebibytes, String make) {
        this.type = type;
        this.debianPackage = debianPackage;
        this.bytes = mebibytes << 20;
        this.make = List.of(make.split(" ", -1));
    }

    /** As blkid names it. */
    String type() {
        return type;
    }

    /** How many kinds there are of the same filesystem. */
    int ofItsFilesystem() {
        return (int)
                Arrays.stream(values()).filter(kind -> kind.type.equals(type)).count();
    }

    /** Of the partition on its disk. */
    ByteRange place() {
        return new ByteRange(START, bytes);
    }

    /** A disk with an empty filesystem. */
    Path make(Path directory) throws IOException {
        ExternalTool.assume(make.get(0), type.equals("vfat") ? "dosfstools" : debianPackage);
        Path raw = ExternalTool.sparse(directory.resolve("disk.raw"), START + bytes + START);
        ExternalTool.run("sgdisk", "-n=1:" + START / 512 + ":+" + bytes / 1024 + "K", raw.toString());
        try (LoopDevice device = LoopDevice.attach(raw, Optional.of(place()))) {
            List<String> command = new ArrayList<>(make);
            command.add(device.path().toString());
            ExternalTool.run(command.toArray(String[]::new));
        }
        return raw;
    }

    /** Lives for a while and shuts down. */
    void live(Path raw, Path directory, Random random, int round, int deeds) throws IOException {
        if (type.equals("vfat")) {
            ExternalTool.assume("mcopy", debianPackage);
            new MtoolsTree(raw, START, directory, random, round).live(deeds);
            return;
        }
        try (MountedImage mounted = mount(raw, directory, "rw")) {
            new LivingTree(mounted.path(), random, round).live(deeds);
        }
    }

    /** What there is, without changing anything. */
    TreeDigest look(Path raw, Path directory) throws IOException {
        if (type.equals("vfat")) {
            return extract(raw, START, directory);
        }
        // Even a read-only mount of XFS writes to the log, unless it does not look at it.
        try (MountedImage mounted = mount(raw, directory, type.equals("xfs") ? "ro,norecovery" : "ro")) {
            return type.equals("exfat") ? TreeDigest.withoutAttributes(mounted.path()) : TreeDigest.of(mounted.path());
        }
    }

    MountedImage mount(Path raw, Path directory, String options) throws IOException {
        Path at = directory.resolve("mounted");
        if (type.equals("ntfs")) {
            return MountedImage.ntfs(raw, place(), at, options);
        } else if (type.equals("exfat")) {
            return MountedImage.exfat(raw, place(), at, options);
        }
        Assumptions.assumeTrue(
                Files.readString(Path.of("/proc/filesystems")).contains(type), "this kernel has no " + type);
        return MountedImage.mount(raw, place(), at, options);
    }

    /** Times and attributes of FAT are in the listing, which becomes a file among the others. */
    static TreeDigest extract(Path raw, long offsetBytes, Path directory) throws IOException {
        Path copies = Files.createTempDirectory(directory, "extracted");
        String image = raw + "@@" + offsetBytes;
        ExternalTool.attempt("", "mcopy", "-i", image, "-s", "-Q", "-n", "-b", "::", copies.toString());
        Files.writeString(
                copies.resolve("listing"),
                ExternalTool.attempt("", "mdir", "-i", image, "-/", "-a", "::").output());
        TreeDigest digest = TreeDigest.ofContent(copies);
        ExternalTool.run("rm", "-rf", copies.toString());
        return digest;
    }
}
