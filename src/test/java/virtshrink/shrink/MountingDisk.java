package virtshrink.shrink;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.closed.ClosedMark;
import virtshrink.mount.Attacher;
import virtshrink.mount.HostKernel;
import virtshrink.mount.KernelFilesystem;
import virtshrink.mount.LoopAttacher;

/**
 * A guest's disk with an ext4 that a reader supports and a second one with a feature that no reader does, and the kernel mounts all the same: it
 * stands for a filesystem without a reader. Both hold files and the bytes of deleted ones.
 */
final class MountingDisk {
    static final ByteRange READ = new ByteRange(1 << 20, 32 << 20);
    /** Ends in the middle of a cluster, as partitions may. */
    static final ByteRange MOUNTED = new ByteRange(33 << 20, (64 << 20) - 8192);

    static final int DELETED_BYTES = 12 << 20;
    private static final long DISK_BYTES = 100L << 20;
    private static final int LAZY_BG = 0x40;

    final Path raw;
    final Path image;

    private MountingDisk(Path raw, Path image) {
        this.raw = raw;
        this.image = image;
    }

    /** How the second filesystem is treated, attached by loop devices. */
    static Mounting mounting() {
        return mounting(new LoopAttacher());
    }

    static Mounting mounting(Attacher attacher) {
        return mounting(attacher, "ext4");
    }

    /** @param kernelName that the kernel is told */
    static Mounting mounting(Attacher attacher, String kernelName) {
        return new Mounting(
                MountingDisk::mark,
                new HostKernel(attacher, List.of(new KernelFilesystem("ext4", kernelName, List.of()))));
    }

    /** As the readers do: valid, and no journal to be replayed. */
    private static Optional<ClosedMark> mark(String type, BlockSource volume) throws IOException {
        if (!type.equals("ext4")) {
            return Optional.empty();
        }
        boolean valid = (volume.read(1024 + 0x3A, 2).get() & 1) != 0;
        return Optional.of(valid ? new ClosedMark.Closed() : new ClosedMark.Open("not cleanly unmounted"));
    }

    static MountingDisk make(Path directory) throws IOException {
        GuestDisk.assumeTools();
        LoopAttacher.assumeTools();
        Path raw = ExternalTool.sparse(directory.resolve("guest.raw"), DISK_BYTES);
        ExternalTool.run(
                "sgdisk",
                "-a",
                "1",
                "-n",
                "1:%d:%d".formatted(READ.startBytes() / 512, READ.endBytes() / 512 - 1),
                "-n",
                "2:%d:%d".formatted(MOUNTED.startBytes() / 512, MOUNTED.endBytes() / 512 - 1),
                raw.toString());
        makeFilesystem(raw, directory, READ, "^metadata_csum,^resize_inode", 1);
        makeFilesystem(raw, directory, MOUNTED, "^metadata_csum,^resize_inode", 2);
        try (RandomAccessFile disk = new RandomAccessFile(raw.toFile(), "rw")) {
            // s_feature_compat
            disk.seek(MOUNTED.startBytes() + 1024 + 0x5C);
            int compat = disk.read();
            disk.seek(MOUNTED.startBytes() + 1024 + 0x5C);
            disk.write(compat | LAZY_BG);
        }
        Path image = directory.resolve("guest.qcow2");
        ExternalTool.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.toString(), image.toString());
        return new MountingDisk(raw, image);
    }

    private static void makeFilesystem(Path raw, Path directory, ByteRange place, String features, int seed)
            throws IOException {
        Path volume = ExternalTool.sparse(directory.resolve("volume"), place.lengthBytes());
        ExternalTool.run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", features, volume.toString());
        Random random = new Random(seed);
        try (MountedImage mounted = MountedImage.mount(volume, directory.resolve("made"), "rw")) {
            for (int i = 0; i < 40; i++) {
                write(mounted.path().resolve("directory " + i % 7).resolve("file " + i), random, 1 + i * 3000);
                write(mounted.path().resolve("deleted " + i), random, DELETED_BYTES / 40);
            }
            Path odd = Files.createDirectory(mounted.path().resolve("odd"));
            Files.createSymbolicLink(odd.resolve("link"), Path.of("/etc/passwd"));
            Files.createLink(odd.resolve("hard"), mounted.path().resolve("directory 0/file 0"));
            ExternalTool.run("mkfifo", odd.resolve("pipe").toString());
            ExternalTool.run("mknod", odd.resolve("device").toString(), "b", "7", "0");
            ExternalTool.run("setfattr", "-n", "user.test", "-v", "value", odd.toString());
            ExternalTool.run("chmod", "4751", odd.resolve("hard").toString());
            // What an earlier filler has left is the guest's as well.
            write(mounted.path().resolve(".virt-shrink-fill-0123456789abcdef"), random, 5000);
            mounted.sync();
            for (int i = 0; i < 40; i++) {
                Files.delete(mounted.path().resolve("deleted " + i));
            }
            Files.setLastModifiedTime(mounted.path(), FileTime.from(Instant.parse("2020-02-29T01:02:03.4Z")));
        }
        ExternalTool.run(
                "dd",
                "if=" + volume,
                "of=" + raw,
                "bs=4096",
                "seek=" + place.startBytes() / 4096,
                "conv=notrunc,sparse",
                "status=none");
        Files.delete(volume);
    }

    private static void write(Path file, Random random, int bytes) throws IOException {
        Files.createDirectories(file.resolveSibling("."));
        byte[] content = new byte[bytes];
        random.nextBytes(content);
        Files.write(file, content);
    }

    /** What the second filesystem holds in an image. */
    static TreeDigest tree(Path image, Path directory) throws IOException {
        Path raw = directory.resolve("tree.raw");
        ExternalTool.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image.toString(), raw.toString());
        try (MountedImage mounted = MountedImage.mount(raw, MOUNTED, directory.resolve("tree"), "ro,noload")) {
            return TreeDigest.of(mounted.path());
        } finally {
            Files.delete(raw);
        }
    }

    /** Makes the second filesystem dirty. */
    void markDirty() throws IOException {
        ExternalTool.run(
                "qemu-io",
                "-f",
                "qcow2",
                "-c",
                "write -P 0 %d 1".formatted(MOUNTED.startBytes() + 1024 + 0x3A),
                image.toString());
    }

    /** Changes one byte of one file in an image, behind the filesystem's back. */
    void changeFile(Path target) throws IOException {
        Path volume = image.resolveSibling("volume");
        ExternalTool.run(
                "dd",
                "if=" + raw,
                "of=" + volume,
                "bs=4096",
                "skip=" + MOUNTED.startBytes() / 4096,
                "count=" + MOUNTED.lengthBytes() / 4096,
                "status=none");
        String blocks = ExternalTool.run("debugfs", "-R", "blocks \"/directory 4/file 11\"", volume.toString());
        // Behind debugfs's own name and version.
        long block = Long.parseLong(blocks.lines()
                .filter(line -> line.matches("[0-9 ]+"))
                .findFirst()
                .orElseThrow()
                .split(" ", -1)[0]);
        Files.delete(volume);
        ExternalTool.run(
                "qemu-io",
                "-f",
                "qcow2",
                "-c",
                "write -P 0 %d 1".formatted(MOUNTED.startBytes() + block * 4096 + 17),
                target.toString());
    }

    /** Does something once, in the run's own thread, when the filler has written something. */
    static ProgressListener whileFilling(TestRun.Action action) {
        return new ProgressListener() {
            private Phase phase = Phase.JUDGE;
            private boolean done;

            @Override
            public void phaseBegan(Phase began) {
                phase = began;
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                // The readers' zeros are less than what is filled.
                if (phase == Phase.ZERO && totalBytes > 40 << 20 && !done) {
                    done = true;
                    try {
                        action.run();
                    } catch (IOException problem) {
                        throw new UncheckedIOException(problem);
                    }
                }
            }
        };
    }
}
