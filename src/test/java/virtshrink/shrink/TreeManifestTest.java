package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;

/** A manifest notices every change that a guest could see. */
class TreeManifestTest {
    private static final FileTime THEN = FileTime.from(Instant.parse("2020-02-29T01:02:03.456789Z"));

    @TempDir
    private Path temporary;

    private Path root;
    private Path file;
    private Path manifest;

    @BeforeEach
    void makeTree() throws Exception {
        root = Files.createDirectory(temporary.resolve("root"));
        manifest = temporary.resolve("manifest");
        Path directory = Files.createDirectories(root.resolve("a/b"));
        file = Files.writeString(directory.resolve("file"), "content");
        Files.createSymbolicLink(root.resolve("link"), Path.of("nowhere"));
        Files.createSymbolicLink(root.resolve("absolute"), directory);
        stampLink();
        ExternalTool.run("mkfifo", root.resolve("pipe").toString());
        ExternalTool.run("sh", "-c", "touch \"$1/$(printf 'odd\\377name')\"", "sh", root.toString());
        for (Path path : new Path[] {file, directory, directory.getParent(), root}) {
            Files.setLastModifiedTime(path, THEN);
        }
        assertEquals(8, manifest(Long.MAX_VALUE).write(manifest));
        manifest(Long.MAX_VALUE).requireSame(manifest);
    }

    private TreeManifest manifest(long mostContentBytes) {
        return new TreeManifest(root, mostContentBytes, new Cancellation(), () -> {});
    }

    private String difference() {
        return String.valueOf(
                assertThrows(IOException.class, () -> manifest(Long.MAX_VALUE).requireSame(manifest))
                        .getMessage());
    }

    private void stampLink() throws IOException {
        ExternalTool.run(
                "touch",
                "--no-dereference",
                "--date=2020-02-29",
                root.resolve("link").toString());
    }

    private void stamp(Path path) throws IOException {
        Files.setLastModifiedTime(path, THEN);
    }

    @Test
    void aByteOfContentOfTheSameSizeAndTimeIsNoticed() throws Exception {
        Files.writeString(file, "CONTENT");
        stamp(file);
        assertEquals("/a/b/file is not what it was", difference());
    }

    @Test
    void aTimeIsNoticed() throws Exception {
        Files.setLastModifiedTime(file, FileTime.from(THEN.toInstant().plusNanos(1000)));
        assertEquals("/a/b/file is not what it was", difference());
    }

    @Test
    void aModeIsNoticed() throws Exception {
        ExternalTool.run("chmod", "u+s", file.toString());
        assertEquals("/a/b/file is not what it was", difference());
    }

    @Test
    void anAttributeIsNoticed() throws Exception {
        ExternalTool.assume("setfattr", "attr");
        ExternalTool.run("setfattr", "-n", "user.test", "-v", "value", file.toString());
        assertEquals("/a/b/file is not what it was", difference());
    }

    @Test
    void anotherLinkIsNoticed() throws Exception {
        Files.createLink(temporary.resolve("outside"), file);
        assertEquals("/a/b/file is not what it was", difference());
    }

    @Test
    void theTargetOfASymbolicLinkIsNoticed() throws Exception {
        Files.delete(root.resolve("link"));
        Files.createSymbolicLink(root.resolve("link"), Path.of("elsewhr"));
        stampLink();
        stamp(root);
        assertEquals("/link is not what it was", difference());
    }

    @Test
    void aMissingLastPathIsNoticed() throws Exception {
        Files.delete(root.resolve("pipe"));
        stamp(root);
        assertEquals("paths that were there are missing", difference());
    }

    @Test
    void aNewPathIsNoticed() throws Exception {
        Files.createFile(root.resolve("zzz"));
        stamp(root);
        assertEquals("/zzz is not what it was", difference());
    }

    @Test
    void aDirectoryMayGrow() throws Exception {
        for (int i = 0; i < 500; i++) {
            Files.createFile(root.resolve("a/a file with a long name, to make its directory larger " + i));
        }
        for (int i = 0; i < 500; i++) {
            Files.delete(root.resolve("a/a file with a long name, to make its directory larger " + i));
        }
        stamp(root.resolve("a"));
        manifest(Long.MAX_VALUE).requireSame(manifest);
    }

    @Test
    void filesThatClaimTooMuchAreNotRead() {
        String said =
                String.valueOf(assertThrows(IOException.class, () -> manifest(6).write(temporary.resolve("other")))
                        .getMessage());
        assertEquals("its files claim to hold more than 6 bytes", said);
    }

    @Test
    void aCancelledRunDoesNotGoOn() {
        Cancellation cancelled = new Cancellation();
        cancelled.cancel("a guest starts");
        assertThrows(
                Cancellation.RunCancelledException.class,
                () -> new TreeManifest(root, 100, cancelled, () -> {}).write(temporary.resolve("other")));
    }
}
