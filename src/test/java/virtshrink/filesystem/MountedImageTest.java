package virtshrink.filesystem;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.RangeSet;

/** What the other tests of this kind stand on: mounts end with everything written, digests see every change, overwriting overwrites. */
class MountedImageTest {
    @TempDir
    Path directory;

    private Path image(String tool, String debianPackage, String... options) throws IOException {
        ExternalTool.assume(tool, debianPackage);
        Path image = ExternalTool.sparse(directory.resolve("image"), 32 << 20);
        String[] command = new String[options.length + 2];
        command[0] = tool;
        System.arraycopy(options, 0, command, 1, options.length);
        command[command.length - 1] = image.toString();
        ExternalTool.run(command);
        return image;
    }

    @Test
    void aDigestSeesContentModesTimesAndAttributes() throws IOException {
        ExternalTool.assume("setfattr", "attr");
        ExternalTool.assume("setfacl", "acl");
        Path image = image("mke2fs", "e2fsprogs", "-q", "-F", "-t", "ext4");
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("at"), "rw")) {
            Path file = Files.writeString(mounted.path().resolve("file"), "one");
            TreeDigest last = TreeDigest.of(mounted.path());
            TreeDigest.of(mounted.path()).assertSame(last, "twice");
            for (String change : new String[] {
                "printf two > \"$1\"",
                "chmod 600 \"$1\"",
                "chown 7:8 \"$1\"",
                "touch -d @7 \"$1\"",
                "setfattr -n user.a -v b \"$1\"",
                "setfattr -n user.a -v c \"$1\"",
                "setfacl -m u:5:r \"$1\"",
                "ln -s nowhere \"$1.link\"",
                "ln \"$1\" \"$1.second\""
            }) {
                ExternalTool.run("sh", "-c", change, "sh", file.toString());
                TreeDigest now = TreeDigest.of(mounted.path());
                assertNotEquals(last, now, change);
                last = now;
            }
            TreeDigest before = last;
            Files.delete(file);
            TreeDigest after = TreeDigest.of(mounted.path());
            AssertionError failure = assertThrows(AssertionError.class, () -> before.assertSame(after, "seed 1"));
            assertEquals(true, failure.getMessage().contains("is  absent"), failure.getMessage());
        }
    }

    @Test
    void whatNtfsWroteIsInTheFileWhenTheMountIsClosed() throws IOException {
        Path image = image("mkntfs", "ntfs-3g", "-q", "-F", "-Q");
        byte[] content = new byte[3_000_000];
        new Random(5).nextBytes(content);
        for (int round = 0; round < 3; round++) {
            try (MountedImage mounted = MountedImage.ntfs(image, directory.resolve("at"), "rw")) {
                Files.write(mounted.path().resolve("file" + round), content);
            }
            Path copy = Files.copy(image, directory.resolve("copy" + round));
            try (MountedImage mounted = MountedImage.ntfs(copy, directory.resolve("at"), "ro")) {
                assertEquals(
                        -1,
                        Files.mismatch(
                                Files.write(directory.resolve("expected"), content),
                                mounted.path().resolve("file" + round)));
            }
        }
    }

    @Test
    void overwritingTouchesTheRangesAndNothingElse() throws IOException {
        byte[] content = new byte[3 << 20];
        new Random(6).nextBytes(content);
        Path file = Files.write(directory.resolve("file"), content);
        RangeSet free = RangeSet.of(new ByteRange(5, 7), new ByteRange(1000, 2 << 20));
        ZeroFreeSpace.scribble(file, free, 7);
        byte[] scribbled = Files.readAllBytes(file);
        assertEquals(content[4], scribbled[4]);
        assertNotEquals(content[2_000_000], scribbled[2_000_000]);
        ZeroFreeSpace.zero(file, free);
        byte[] zeroed = Files.readAllBytes(file);
        for (int i = 0; i < content.length; i++) {
            boolean inside = free.contains(new ByteRange(i, 1));
            if (zeroed[i] != (inside ? 0 : content[i])) {
                assertFalse(inside, "offset " + i);
                assertEquals(content[i], zeroed[i], "offset " + i);
            }
        }
    }
}
