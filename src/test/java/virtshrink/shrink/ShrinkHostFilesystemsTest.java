package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;
import virtshrink.image.ImageFormat;
import virtshrink.os.LoopMount;

/** Images on real filesystems of the host: with and without shared blocks, with owners, ACLs, attributes and flags. */
class ShrinkHostFilesystemsTest {
    private static final long MIB = 1 << 20;
    private static final long HOST_BYTES = 400L << 20;

    @TempDir
    Path directory;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
        ExternalTool.assume("setfacl", "acl");
        ExternalTool.assume("setfattr", "attr");
    }

    /** Another owner, odd mode, ACL, attributes of two kinds, flags and an old time, as far as the filesystem has them. */
    private static void dress(Path image, String flags) throws IOException {
        String name = image.toString();
        ExternalTool.run("chattr", flags, name);
        ExternalTool.run("chown", "12345:54321", name);
        ExternalTool.run("chmod", "2751", name);
        ExternalTool.run("setfacl", "-m", "u:777:rw,g:888:r,m::rw", name);
        ExternalTool.run("setfattr", "-n", "user.note", "-v", "keep me", name);
        ExternalTool.run("setfattr", "-n", "trusted.note", "-v", "keep me too", name);
        ExternalTool.run("touch", "-d", "2020-02-03 04:05:06.123456789", name);
    }

    private ShrinkReport shrinkDressed(LoopMount host, String flags) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = disk.imageIn(host.path().resolve("disk.qcow2"), "qcow2");
        dress(image, flags);
        String attributes = FileProperties.attributes(image);
        TestRun run = new TestRun(directory.resolve("runs"), image);

        ShrinkReport report = run.expect(Outcome.SHRUNK);

        assertEquals(attributes, FileProperties.attributes(image));
        assertTrue(attributes.contains("12345 54321 2761"), attributes);
        assertTrue(attributes.contains("user.note") && attributes.contains("trusted.note"), attributes);
        disk.requireSameIn(image, "qcow2");
        FileProperties.requireCleanQcow2(image);
        assertTrue(FileProperties.allocatedBytes(image) < 13 * MIB);
        assertTrue(report.reclaimedBytes() > 18 * MIB, report::toString);
        run.requireNothingLeft();
        return report;
    }

    private static boolean wasShared(ShrinkReport report) {
        return report.notes().toString().contains("shares all its data");
    }

    @Test
    void onExt4EveryByteIsComparedAndEveryAttributeStays() throws IOException {
        try (LoopMount host = LoopMount.make(directory, HOST_BYTES, "acl,user_xattr", "mke2fs", "-q", "-t", "ext4")) {
            assertFalse(wasShared(shrinkDressed(host, "+Ad")));
        }
    }

    @Test
    void onXfsWithReflinkTheNewImageSharesTheOriginalsBlocks() throws IOException {
        try (LoopMount host = LoopMount.make(directory, HOST_BYTES, "rw", "mkfs.xfs", "-q", "-m", "reflink=1")) {
            assertTrue(wasShared(shrinkDressed(host, "+Ad")));
        }
    }

    @Test
    void onXfsWithoutReflinkTheNewImageIsACopy() throws IOException {
        try (LoopMount host = LoopMount.make(directory, HOST_BYTES, "rw", "mkfs.xfs", "-q", "-m", "reflink=0")) {
            assertFalse(wasShared(shrinkDressed(host, "+d")));
        }
    }

    @Test
    void onBtrfsTheNewImageSharesTheOriginalsBlocks() throws IOException {
        try (LoopMount host = LoopMount.make(directory, HOST_BYTES, "rw", "mkfs.btrfs", "-q")) {
            assertTrue(wasShared(shrinkDressed(host, "+A")));
        }
    }

    @Test
    void onBtrfsAnImageWithoutCopyOnWriteStaysOne() throws IOException {
        try (LoopMount host = LoopMount.make(directory, HOST_BYTES, "rw", "mkfs.btrfs", "-q")) {
            GuestDisk disk = GuestDisk.shared();
            Path image = Files.createFile(host.path().resolve("disk.qcow2"));
            // Works only while the file is empty; what qemu-img makes anew would not have it.
            ExternalTool.run("chattr", "+C", image.toString());
            Path made = disk.imageIn(directory.resolve("made.qcow2"), "qcow2");
            ExternalTool.run("sh", "-c", "cat \"$1\" > \"$2\"", "sh", made.toString(), image.toString());
            String attributes = FileProperties.attributes(image);
            assertTrue(attributes.contains("C"), attributes);

            new TestRun(directory.resolve("runs"), image).expect(Outcome.SHRUNK);

            assertEquals(attributes, FileProperties.attributes(image));
            disk.requireSameIn(image, "qcow2");
        }
    }

    @Test
    void rawImagesShareBlocksToo() throws IOException {
        try (LoopMount host = LoopMount.make(directory, HOST_BYTES, "rw", "mkfs.xfs", "-q", "-m", "reflink=1")) {
            GuestDisk disk = GuestDisk.shared();
            Path image = host.path().resolve("disk.raw");
            ExternalTool.run("cp", "--sparse=always", disk.raw().toString(), image.toString());

            ShrinkReport report = new TestRun(directory.resolve("runs"), image)
                    .format(ImageFormat.RAW)
                    .expect(Outcome.SHRUNK);

            disk.requireSameIn(image, "raw");
            assertTrue(wasShared(report), report.notes()::toString);
            assertTrue(report.reclaimedBytes() > 18 * MIB, report::toString);
        }
    }

    /** A filesystem in user space that knows neither flag of renameat2(2) and cannot tell who has a file open. */
    private LoopMount withoutExchange() throws IOException {
        ExternalTool.assume("mkfs.ntfs", "ntfs-3g");
        LoopMount mounted =
                LoopMount.make(directory, HOST_BYTES, "permissions", "mkfs.ntfs", "--quiet", "--fast", "--force");
        ExternalTool.run("chmod", "755", mounted.path().toString());
        return mounted;
    }

    @Test
    void whereFilesCannotBeExchangedTheImageIsRefusedUnlessAPlainRenameIsAllowed() throws IOException {
        try (LoopMount host = withoutExchange()) {
            GuestDisk disk = GuestDisk.shared();
            Path image = disk.imageIn(host.path().resolve("disk.qcow2"), "qcow2");
            ExternalTool.run("chown", "12345:54321", image.toString());
            ExternalTool.run("chmod", "640", image.toString());
            String original = FileProperties.sha256(image);
            TestRun run = new TestRun(directory.resolve("runs"), image);

            String reason = run.expect(Outcome.REFUSED).reason();

            assertTrue(reason.contains("--allow-rename"), reason);
            assertEquals(original, FileProperties.sha256(image));
            run.requireNothingLeft();

            run.allowRename().expect(Outcome.SHRUNK);

            assertEquals(
                    "12345 54321 640",
                    ExternalTool.run("stat", "--format=%u %g %a", image.toString())
                            .strip());
            disk.requireSameIn(image, "qcow2");
            FileProperties.requireCleanQcow2(image);
            run.requireNothingLeft();
        }
    }

    @Test
    void thereTheOriginalIsKeptAndAnOutputPlacedWithoutReplacingAnything() throws IOException {
        try (LoopMount host = withoutExchange()) {
            GuestDisk disk = GuestDisk.shared();
            Path image = disk.imageIn(host.path().resolve("disk.qcow2"), "qcow2");
            String original = FileProperties.sha256(image);
            Path output = host.path().resolve("small.qcow2");
            TestRun run = new TestRun(directory.resolve("runs"), image);

            run.output(output).expect(Outcome.SHRUNK);

            disk.requireSameIn(output, "qcow2");
            run.requireNothingLeft();
            Files.delete(output);
            run.when(Phase.SWAP, () -> Files.writeString(output, "precious"));
            assertTrue(run.expect(Outcome.REFUSED).reason().contains("exists already"));
            assertEquals("precious", Files.readString(output));

            TestRun keeping =
                    new TestRun(directory.resolve("runs"), image).allowRename().keepOriginal(".orig");
            keeping.expect(Outcome.SHRUNK);
            assertEquals(original, FileProperties.sha256(host.path().resolve("disk.qcow2.orig")));
            disk.requireSameIn(image, "qcow2");
            keeping.requireNothingLeft();
        }
    }

    @Test
    void thereAnOwnerThatChangesAtTheLastMomentIsNotLost() throws IOException {
        try (LoopMount host = withoutExchange()) {
            Path image = GuestDisk.shared().imageIn(host.path().resolve("disk.qcow2"), "qcow2");
            String original = FileProperties.sha256(image);
            List<Integer> asked = new ArrayList<>();
            TestRun run = new TestRun(directory.resolve("runs"), image)
                    .allowRename()
                    .guard(() -> {
                        asked.add(1);
                        if (asked.size() == 2) {
                            chown(image);
                        }
                        return Optional.empty();
                    });

            String reason = run.expect(Outcome.REFUSED).reason();

            assertTrue(reason.contains("the owner of " + image + " was changed"), reason);
            assertEquals(original, FileProperties.sha256(image));
            run.requireNothingLeft();
        }
    }

    private static void chown(Path image) {
        try {
            ExternalTool.run("chown", "12345:54321", image.toString());
        } catch (IOException problem) {
            throw new AssertionError(problem);
        }
    }

    @Test
    void theGuestMountsTheSameFiles() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = disk.imageIn(directory.resolve("disk.qcow2"), "qcow2");
        List<String> before = GuestDisk.manifest(image, "qcow2");
        assertTrue(before.size() > 80 && before.toString().contains("user.origin"), before::toString);

        new TestRun(directory.resolve("runs"), image).expect(Outcome.SHRUNK);

        assertEquals(before, GuestDisk.manifest(image, "qcow2"));
    }

    @Test
    void aSymbolicLinkStaysAndItsTargetIsReplaced() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path target =
                disk.imageIn(Files.createDirectory(directory.resolve("pool")).resolve("disk.qcow2"), "qcow2");
        Path link = Files.createSymbolicLink(directory.resolve("link.qcow2"), target);
        long before = FileProperties.inode(target);

        new TestRun(directory.resolve("runs"), link).expect(Outcome.SHRUNK);

        assertTrue(Files.isSymbolicLink(link));
        assertFalse(FileProperties.inode(target) == before);
        disk.requireSameIn(link, "qcow2");
    }
}
