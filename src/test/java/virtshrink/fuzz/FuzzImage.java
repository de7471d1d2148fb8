package virtshrink.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.ExternalTool;
import virtshrink.inspect.DiskInspector;
import virtshrink.volume.lvm.LvmHost;

/** Small real disks, made when they are needed by the tools that everybody uses. */
enum FuzzImage {
    EXT4(Seal.EXT, 16, "e2fsprogs", "mke2fs -q -F -t ext4 -b 1024 -g 2048 -d TREE IMAGE"),
    EXT2(Seal.NONE, 8, "e2fsprogs", "mke2fs -q -F -t ext2 -b 1024 -d TREE IMAGE"),
    EXT4_OLD_SUMS(Seal.NONE, 16, "e2fsprogs", "mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum,^64bit -d TREE IMAGE"),
    /** Not cleanly unmounted: what its journal holds is what is read. */
    EXT4_JOURNAL(
            Seal.EXT_JOURNAL,
            16,
            "e2fsprogs",
            "mke2fs -q -F -t ext4 -b 1024 -g 2048 -d TREE IMAGE",
            "debugfs -w -f DEEDS CHANGED"),
    /** The same without any checksum: whatever is logged is taken as it is. */
    EXT4_JOURNAL_OLD(
            Seal.NONE,
            16,
            "e2fsprogs",
            "mke2fs -q -F -t ext4 -b 1024 -g 2048 -O ^metadata_csum,^64bit -d TREE IMAGE",
            "debugfs -w -f DEEDS CHANGED"),
    XFS(Seal.XFS, 304, "xfsprogs", "mkfs.xfs -q -f -p PROTO IMAGE"),
    XFS_V4(Seal.NONE, 304, "xfsprogs", "mkfs.xfs -q -f -m crc=0 -p PROTO IMAGE"),
    BTRFS(Seal.BTRFS, 128, "btrfs-progs", "mkfs.btrfs -q -f -r TREE IMAGE"),
    BTRFS_OLD(
            Seal.BTRFS,
            128,
            "btrfs-progs",
            "mkfs.btrfs -q -f -m single -O ^no-holes -R ^free-space-tree -r TREE IMAGE"),
    NTFS(Seal.NONE, 16, "ntfs-3g", "mkntfs -q -F -Q IMAGE", "ntfscp -q -f IMAGE TREE/one one"),
    FAT12(Seal.FAT, 2, "dosfstools", "mkfs.fat -F 12 IMAGE", "mcopy -s -Q -n -i IMAGE TREE/one TREE/directory ::"),
    FAT16(Seal.FAT, 16, "dosfstools", "mkfs.fat -F 16 IMAGE", "mcopy -s -Q -n -i IMAGE TREE/one TREE/directory ::"),
    FAT32(Seal.FAT, 40, "dosfstools", "mkfs.fat -F 32 IMAGE", "mcopy -s -Q -n -i IMAGE TREE/one TREE/directory ::"),
    EXFAT(Seal.EXFAT, 16, "exfatprogs", "mkfs.exfat IMAGE"),
    F2FS(Seal.NONE, 64, "f2fs-tools", "mkfs.f2fs -q -f IMAGE", "sload.f2fs -f TREE IMAGE"),
    SWAP(Seal.NONE, 2, "util-linux", "mkswap IMAGE"),
    GPT(Seal.GPT, 8, "gdisk", "sgdisk -n=1:2048:+2M -n=2:0:+1M -n=3:0:+1M IMAGE"),
    MBR(Seal.NONE, 8, "fdisk", "sfdisk -q IMAGE < TABLE"),
    /** A volume group with two volumes that a physical one of 16 MiB can hold. */
    LVM(Seal.LVM, 16, "lvm2");

    private static final int BLOCK = 1024;

    private final Seal seal;
    private final long bytes;
    private final String debianPackage;

    @SuppressWarnings("ImmutableEnumChecker") // made by List.of
    private final List<String> commands;

    FuzzImage(Seal seal, long mebibytes, String debianPackage, String... commands) {
        this.seal = seal;
        this.bytes = mebibytes << 20;
        this.debianPackage = debianPackage;
        this.commands = List.of(commands);
    }

    Seal seal() {
        return seal;
    }

    DiskInspector inspector() {
        return hasJournal() ? DiskInspector.replayingJournals() : DiskInspector.standard();
    }

    private boolean hasJournal() {
        return this == EXT4_JOURNAL || this == EXT4_JOURNAL_OLD;
    }

    /** Makes it; skips the test where a tool is absent. */
    SparseDisk make() throws IOException {
        Path scratch = Files.createTempDirectory("fuzz");
        try {
            Path image = ExternalTool.sparse(scratch.resolve("image"), bytes);
            Path tree = plant(scratch.resolve("tree"));
            Path proto = Files.writeString(
                    scratch.resolve("proto"),
                    "/\n0 0\nd--755 0 0\none ---644 0 0 %s\ndirectory d--755 0 0\ntwo ---600 1 1 %s\n$\n$\n"
                            .formatted(tree.resolve("one"), tree.resolve("directory/two")));
            Files.writeString(
                    scratch.resolve("TABLE"), "label: dos\n2048 2048\n4096 8192 E\n4608 2048 L\n8192 2048 L\n");
            Files.writeString(scratch.resolve("DEEDS"), "rm one\nmkdir later\n");
            for (String command : commands) {
                List<String> words = new ArrayList<>(List.of("sh", "-c"));
                ExternalTool.assume(command.split(" ", -1)[0], debianPackage);
                if (command.endsWith("CHANGED")) {
                    ExternalTool.run(
                            "cp", image.toString(), scratch.resolve("CHANGED").toString());
                }
                words.add("cd " + scratch + " && "
                        + command.replace("IMAGE", image.toString())
                                .replace("TREE", tree.toString())
                                .replace("PROTO", proto.toString()));
                ExternalTool.run(words.toArray(String[]::new));
            }
            if (this == LVM) {
                makeVolumeGroup(scratch, image);
            }
            if (hasJournal()) {
                writeJournal(scratch, image);
            }
            return SparseDisk.load(image);
        } finally {
            ExternalTool.run("rm", "-rf", scratch.toString());
        }
    }

    private static void makeVolumeGroup(Path scratch, Path image) throws IOException {
        try (LvmHost host = new LvmHost(scratch.resolve("lvm"))) {
            host.add(image, 0);
            host.lvm("vgcreate -s 1M vg @0");
            host.lvm("lvcreate -an -Zn -Wn -y -L 4M -n one vg");
            host.lvm("lvcreate -an -Zn -Wn -y -L 2M -n two vg");
            host.lvm("lvextend -y -L +1M vg/one");
        }
    }

    /** What differs in the changed copy is logged: all of it, then a block that is revoked, then the first of it again. */
    private void writeJournal(Path scratch, Path image) throws IOException {
        SparseDisk before = SparseDisk.load(image);
        SparseDisk after = SparseDisk.load(scratch.resolve("CHANGED"));
        List<String> blocks = new ArrayList<>();
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (long block = 1; block < bytes / BLOCK; block++) {
            ByteBuffer changed = after.bytes(block * BLOCK, BLOCK);
            if (!changed.equals(before.bytes(block * BLOCK, BLOCK))) {
                blocks.add(Long.toString(block));
                byte[] logged = new byte[BLOCK];
                changed.get(logged);
                content.writeBytes(logged);
            }
        }
        Files.write(scratch.resolve("all"), content.toByteArray());
        Files.writeString(
                scratch.resolve("LOG"),
                String.join(
                        "\n",
                        seal == Seal.NONE ? "jo" : "jo -c -v 3",
                        "jw -b %s %s".formatted(String.join(",", blocks), scratch.resolve("all")),
                        "jw -r 9000 " + scratch.resolve("all"),
                        "jw -b %s %s".formatted(blocks.get(0), scratch.resolve("all")),
                        "jc",
                        ""));
        ExternalTool.run("debugfs", "-w", "-f", scratch.resolve("LOG").toString(), image.toString());
    }

    /** Little content, so that most of what a disk holds are structures. */
    private static Path plant(Path tree) throws IOException {
        Files.createDirectories(tree.resolve("directory"));
        Files.writeString(tree.resolve("one"), "1".repeat(5000));
        Files.writeString(tree.resolve("directory/two"), "2".repeat(70));
        try (RandomAccessFile sparse =
                new RandomAccessFile(tree.resolve("sparse").toFile(), "rw")) {
            sparse.seek(100_000);
            sparse.write(3);
        }
        return tree;
    }

    /** By name, in any case. */
    static Optional<FuzzImage> named(String name) {
        for (FuzzImage image : values()) {
            if (image.name().equalsIgnoreCase(name)) {
                return Optional.of(image);
            }
        }
        return Optional.empty();
    }
}
