package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.image.TemporaryNames.Role;
import virtshrink.os.FileStatus;
import virtshrink.os.OpenFile;

/** What dead runs have left beside an image: only what is surely nobody's goes. */
class LeftoversTest {
    private static final String RUN = "0123456789ab";
    private static final Instant WRITTEN = Instant.parse("2024-02-29T01:02:03.456789123Z");

    @TempDir
    private Path temporary;

    private Path image;
    private TemporaryNames names;

    @BeforeEach
    void makeImage() throws IOException {
        image = file(temporary.toRealPath().resolve("disk.qcow2"));
        names = new TemporaryNames(image, RUN);
    }

    private static Path file(Path path) throws IOException {
        Files.writeString(path, "content of " + path.getFileName());
        return Files.setLastModifiedTime(path, FileTime.from(WRITTEN));
    }

    private List<String> remove() throws IOException, ImageRefusedException {
        return Leftovers.removeFilesBeside(image);
    }

    private static void assertRemoved(Path file, List<String> said) {
        assertEquals(List.of("removed " + file + ", left by a dead run"), said);
        assertFalse(Files.exists(file, LinkOption.NOFOLLOW_LINKS));
    }

    private static void assertLeft(Path file, String why, List<String> said) {
        assertEquals(1, said.size(), said::toString);
        assertTrue(said.get(0).startsWith("left " + file + " alone: " + why), said::toString);
        assertTrue(Files.exists(file, LinkOption.NOFOLLOW_LINKS));
    }

    private void assertStopsTheRun(Path file) {
        String said = assertThrows(ImageRefusedException.class, this::remove).getMessage();
        assertTrue(said.contains(file + " has been used since; compare it with " + image), said);
        assertTrue(Files.exists(file));
    }

    /** As a power cut leaves it after the exchange: the image's name leads to the new file, the original stands beside it. */
    private Path displacedOriginal() throws IOException {
        Path rebuilt = file(names.of(Role.NEW));
        Path beside = names.forExchange(FileStatus.of(image), FileStatus.of(rebuilt));
        Files.move(image, beside);
        Files.move(rebuilt, image);
        return beside;
    }

    /** As a power cut leaves it just before: the new file already has the name for the exchange. */
    private Path newFileBeforeTheExchange() throws IOException {
        Path rebuilt = file(names.of(Role.NEW));
        return Files.move(rebuilt, names.forExchange(FileStatus.of(image), FileStatus.of(rebuilt)));
    }

    @ParameterizedTest
    @EnumSource(
            value = Role.class,
            names = {"OVERLAY", "REBASE", "NEW", "PROBE", "PROBE_TWIN"})
    void whatNeverHeldTheOnlyCopyGoes(Role role) throws Exception {
        Path left = file(names.of(role));
        assertRemoved(left, remove());
    }

    @Test
    void aDisplacedOriginalThatNobodyHasUsedSinceGoes() throws Exception {
        Path beside = displacedOriginal();
        assertRemoved(beside, remove());
        assertEquals("content of ." + image.getFileName() + ".virt-shrink-" + RUN + ".new.qcow2", text(image));
    }

    @Test
    void aNewFileThatNeverGotTheImagesNameGoes() throws Exception {
        Path beside = newFileBeforeTheExchange();
        assertRemoved(beside, remove());
        assertEquals("content of disk.qcow2", text(image));
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file);
    }

    @Test
    void oneThatWasWrittenSinceStopsTheRun() throws Exception {
        Path beside = displacedOriginal();
        Files.setLastModifiedTime(beside, FileTime.from(WRITTEN.plusNanos(1)));
        assertStopsTheRun(beside);
        Files.setLastModifiedTime(beside, FileTime.from(WRITTEN.minusSeconds(1)));
        assertStopsTheRun(beside);
    }

    @Test
    void anotherFileUnderThatNameStopsTheRunEvenIfItIsAsOld() throws Exception {
        Path beside = displacedOriginal();
        Path kept = Files.move(beside, image.resolveSibling("kept"));
        Files.copy(kept, beside);
        Files.setLastModifiedTime(beside, FileTime.from(WRITTEN));
        assertStopsTheRun(beside);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"exchange", "exchange-", "exchange---", "exchange-1-2", "exchange-1-2-", "exchange-x-y-z-0.0"})
    void aNameThatProvesNothingStopsTheRun(String role) throws Exception {
        assertStopsTheRun(file(image.resolveSibling("." + image.getFileName() + ".virt-shrink-" + RUN + "." + role)));
    }

    @Test
    void whatALivingRunHoldsStays() throws Exception {
        Path left = file(names.of(Role.NEW));
        try (OpenFile holder = OpenFile.readOnly(left)) {
            assertTrue(holder.tryExclusiveFlock());
            assertLeft(left, "a process holds it", remove());
        }
        assertRemoved(left, remove());
    }

    @Test
    void whatSomebodyHasMerelyOpenStays() throws Exception {
        Path left = file(names.of(Role.NEW));
        try (OpenFile reader = OpenFile.readOnly(left)) {
            assertLeft(left, "a process holds it", remove());
            assertEquals(left, reader.path());
        }
    }

    @Test
    void aLinkUnderSuchANameIsNotFollowed() throws Exception {
        Path precious = file(image.resolveSibling("precious"));
        Path link = Files.createSymbolicLink(names.of(Role.NEW), precious);
        assertLeft(link, "it is no regular file", remove());
        assertTrue(Files.exists(precious));
    }

    @Test
    void aSecondNameOfTheImageGoesAndAnOriginalThatWasToBeKeptStays() throws Exception {
        Path backup = names.of(Role.BACKUP);
        Files.createLink(backup, image);
        assertRemoved(backup, remove());
        assertTrue(Files.exists(image));
        file(backup);
        assertLeft(backup, "it is the original", remove());
    }

    @Test
    void whatBelongsToAnotherImageIsNotTouched() throws Exception {
        Path other = file(new TemporaryNames(image.resolveSibling("disk.qcow2.old"), RUN).of(Role.NEW));
        Path like = file(image.resolveSibling(".disk.qcow2.virt-shrink-0123.new.qcow2"));
        assertEquals(List.of(), remove());
        assertTrue(Files.exists(other) && Files.exists(like));
    }
}
