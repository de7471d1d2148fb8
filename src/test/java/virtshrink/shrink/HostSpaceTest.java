package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.image.ImageRefusedException;

/** How the runs of one process share the free space of a filesystem of 1000 MiB. */
class HostSpaceTest {
    private static final long MIB = 1 << 20;
    private static final SpaceReserve RESERVE = SpaceReserve.ofBytes(100 * MIB);

    @TempDir
    Path directory;

    private long usableMib = 500;
    private final HostSpace space = new HostSpace(place -> new HostSpace.Room(1000 * MIB, usableMib * MIB));

    private HostSpace.Claim claim(long mebibytes) throws IOException, ImageRefusedException {
        return space.claim(directory.resolve("image"), mebibytes * MIB, RESERVE);
    }

    private String refusal(long mebibytes) {
        return String.valueOf(
                assertThrows(ImageRefusedException.class, () -> claim(mebibytes).close())
                        .getMessage());
    }

    @Test
    void aRunMayTakeAllButTheReserve() throws Exception {
        claim(400).close();
        assertTrue(
                refusal(401)
                        .endsWith(
                                "the new file may take 401 MiB, 500 MiB are free and 100 MiB of them are kept in reserve"),
                () -> refusal(401));
    }

    @Test
    void whatOneHasBeenPromisedIsNotPromisedToAnother() throws Exception {
        HostSpace.Claim first = claim(300);
        claim(100).close();
        assertTrue(refusal(101).endsWith("in reserve, 300 MiB for other runs"), () -> refusal(101));
        first.close();
        claim(400).close();
    }

    @Test
    void whatTheOtherHasWrittenIsNotCountedTwice() throws Exception {
        Path written = directory.resolve("new");
        Files.write(written, new byte[8 << 20]);
        try (HostSpace.Claim first = claim(300)) {
            first.isWrittenTo(written);
            usableMib -= 8;
            claim(100).close();
            Files.delete(written);
            assertTrue(refusal(100).contains("300 MiB for other runs"));
        }
    }

    @Test
    void otherFilesystemsAreAnotherMatter() throws Exception {
        try (HostSpace.Claim first = claim(400);
                HostSpace.Claim second = space.claim(Path.of("/dev/shm/image"), 400 * MIB, RESERVE)) {
            first.isWrittenTo(directory.resolve("new"));
            second.isWrittenTo(Path.of("/dev/shm/new"));
            usableMib = 99;
            assertTrue(first.whyUndercut().isPresent());
            assertTrue(second.whyUndercut().isPresent());
        }
    }

    @Test
    void whenTheReserveIsUndercutTheLastGoesFirst() throws Exception {
        try (HostSpace.Claim first = claim(200)) {
            first.isWrittenTo(directory.resolve("first"));
            try (HostSpace.Claim second = claim(200)) {
                second.isWrittenTo(directory.resolve("second"));
                assertEquals(Optional.empty(), second.whyUndercut());
                usableMib = 99;
                assertEquals(Optional.empty(), first.whyUndercut());
                assertEquals(
                        Optional.of("the free space in " + directory
                                + " fell below the reserve: 99 MiB are left of 100 MiB"),
                        second.whyUndercut());
            }
            assertTrue(first.whyUndercut().isPresent());
            usableMib = 100;
            assertEquals(Optional.empty(), first.whyUndercut());
        }
    }

    @Test
    void oneThatDoesNotWriteYetOrAnyMoreIsNotTheLast() throws Exception {
        try (HostSpace.Claim first = claim(100);
                HostSpace.Claim second = claim(100);
                HostSpace.Claim third = claim(100)) {
            first.isWrittenTo(directory.resolve("first"));
            second.isWrittenTo(directory.resolve("second"));
            second.isWritten();
            usableMib = 99;
            assertTrue(first.whyUndercut().isPresent());
            assertEquals(Optional.empty(), second.whyUndercut());
            assertEquals(Optional.empty(), third.whyUndercut());
        }
    }

    @Test
    void whatOneHasNotUsedIsFreeForOthersWhenItHasWrittenEverything() throws Exception {
        try (HostSpace.Claim first = claim(300)) {
            assertTrue(refusal(400).contains("300 MiB for other runs"));
            first.isWrittenTo(directory.resolve("new"));
            first.isWritten();
            claim(400).close();
        }
    }

    @Test
    void theReserveIsASizeOrAPartOfTheFilesystem() {
        assertEquals(1 << 30, SpaceReserve.STANDARD.bytesOf(1L << 40));
        assertEquals(50, SpaceReserve.STANDARD.bytesOf(1000));
        assertEquals(700, SpaceReserve.ofBytes(700).bytesOf(1L << 40));
        assertEquals(1L << 39, SpaceReserve.ofPercent(50).bytesOf(1L << 40));
        assertThrows(IllegalArgumentException.class, () -> SpaceReserve.ofPercent(101));
    }
}
