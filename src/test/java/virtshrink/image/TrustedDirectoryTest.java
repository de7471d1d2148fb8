package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.os.LoopMount;

class TrustedDirectoryTest {
    private static final int NOBODY = 65534;

    @TempDir
    private Path temporary;

    private Path place;
    private Path image;

    @BeforeEach
    void makeImage() throws IOException {
        place = Files.createDirectories(temporary.toRealPath().resolve("pool/images"));
        image = Files.createFile(place.resolve("disk.raw"));
    }

    private void refused(Path file, String words) {
        String said = assertThrows(ImageRefusedException.class, () -> TrustedDirectory.require(file))
                .getMessage();
        assertTrue(said.contains(words), said);
    }

    private static void give(Path file) throws IOException {
        LoopMount.needsRoot();
        Files.setAttribute(file, "unix:uid", NOBODY);
    }

    private static void openToAll(Path directory, int mode) throws IOException {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.setAttribute(directory, "unix:mode", mode);
    }

    @Test
    void aDirectoryOfOurOwnIsTrustedWhoeverOwnsTheImage() throws Exception {
        TrustedDirectory.require(image);
        give(image);
        TrustedDirectory.require(image);
    }

    @Test
    void itsGroupIsTrusted() throws Exception {
        Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxrwxr-x"));
        TrustedDirectory.require(image);
    }

    @Test
    void aDirectoryOfAnotherUserIsNot() throws Exception {
        give(place);
        refused(image, place + " belongs to user 65534");
    }

    @Test
    void norIsOneAboveIt() throws Exception {
        give(place.getParent());
        refused(image, place.getParent() + " belongs to user 65534");
    }

    @Test
    void whereEverybodyMayRenameNothingIsTrusted() throws Exception {
        openToAll(place, 0777);
        refused(image, place + " can be written by everybody");
        openToAll(place, 0755);
        openToAll(place.getParent(), 0777);
        refused(image, place.getParent() + " can be written by everybody");
    }

    @Test
    void whereEverybodyMayRenameHisOwnOnlyOurFilesAreTrusted() throws Exception {
        openToAll(place, 01777);
        TrustedDirectory.require(image);
        TrustedDirectory.require(place.resolve("output that does not exist yet"));
        give(image);
        refused(image, "disk.raw belongs to another user");
    }

    @Test
    void aDirectoryOfOurOwnBelowOneForEverybodyIsTrusted() throws Exception {
        give(image);
        openToAll(place.getParent(), 01777);
        TrustedDirectory.require(image);
    }
}
