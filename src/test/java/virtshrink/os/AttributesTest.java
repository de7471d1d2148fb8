package virtshrink.os;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttributesTest {
    @TempDir
    Path directory;

    @Test
    void attributesAreSetReadListedAndRemoved() throws Exception {
        try (OpenFile file = OpenFile.createExclusive(directory.resolve("file"), 0600)) {
            assertEquals(List.of(), file.inode().xattrNames());
            assertTrue(file.inode().xattr("user.one").isEmpty());
            byte[] long1 = "1".repeat(1000).getBytes(UTF_8);
            file.inode().setXattr("user.one", long1);
            file.inode().setXattr("user.empty", new byte[0]);
            assertArrayEquals(long1, file.inode().xattr("user.one").orElseThrow());
            assertEquals(0, file.inode().xattr("user.empty").orElseThrow().length);
            assertEquals(
                    List.of("user.empty", "user.one"),
                    file.inode().xattrNames().stream().sorted().toList());
            file.inode().removeXattr("user.one");
            assertEquals(List.of("user.empty"), file.inode().xattrNames());
            assertTrue(assertThrows(OsException.class, () -> file.inode().removeXattr("user.one"))
                    .is(Errno.ENODATA));
        }
    }

    @Test
    void aWholeAccessControlListTravelsAsAnAttribute() throws Exception {
        Path from = Files.writeString(directory.resolve("from"), "x");
        Path to = Files.writeString(directory.resolve("to"), "x");
        LoopMount.run("setfacl", "-m", "u:12345:rw,g:54321:r", from.toString());
        try (OpenFile source = OpenFile.readOnly(from);
                OpenFile target = OpenFile.readOnly(to)) {
            for (String name : source.inode().xattrNames()) {
                target.inode().setXattr(name, source.inode().xattr(name).orElseThrow());
            }
        }
        assertEquals(acl(from), acl(to));
        assertTrue(acl(to).contains("user:12345:rw-"), acl(to));
    }

    private static String acl(Path path) throws Exception {
        return LoopMount.run("getfacl", "--omit-header", "--absolute-names", path.toString());
    }

    @Test
    void inodeFlagsAreThoseOfLsattr() throws Exception {
        Path path = directory.resolve("file");
        try (OpenFile file = OpenFile.createExclusive(path, 0600)) {
            int fresh = file.inode().flags().orElseThrow();
            file.inode().setFlags(fresh | InodeFlags.NODUMP | InodeFlags.NOATIME);
            assertEquals(
                    InodeFlags.NODUMP | InodeFlags.NOATIME, file.inode().flags().orElseThrow() & InodeFlags.KEPT);
            String said = LoopMount.run("lsattr", path.toString());
            String letters = said.substring(0, said.indexOf(" "));
            assertTrue(letters.contains("d") && letters.contains("A"), letters);
        }
    }

    @Test
    void immutableFileIsSeenAsSuch() throws Exception {
        LoopMount.needsRoot();
        Path path = Files.writeString(directory.resolve("file"), "x");
        LoopMount.run("chattr", "+i", path.toString());
        try (OpenFile file = OpenFile.readOnly(path)) {
            int flags = file.inode().flags().orElseThrow();
            assertEquals(InodeFlags.IMMUTABLE, flags & (InodeFlags.IMMUTABLE | InodeFlags.APPEND));
            Path other = Files.writeString(directory.resolve("other"), "y");
            assertTrue(assertThrows(OsException.class, () -> Renames.exchange(path, other))
                    .is(Errno.EPERM));
        } finally {
            LoopMount.run("chattr", "-i", path.toString());
        }
    }

    @Test
    void filesystemWithoutFlagsHasNone() throws Exception {
        try (OpenFile file = OpenFile.readOnly(Path.of("/proc/self/stat"))) {
            assertTrue(file.inode().flags().isEmpty());
            assertTrue(file.inode().extendedAttributes().isEmpty());
        }
    }
}
