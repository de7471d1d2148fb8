package virtshrink.filesystem.f2fs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.Dirty;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.FilesystemState.Unsupported;
import virtshrink.filesystem.KernelImage;
import virtshrink.filesystem.ZeroFreeSpace;

/** What Linux's own driver leaves behind, after an unmount and after a loss of power. */
class F2fsKernelTest {
    @TempDir
    Path directory;

    private FilesystemState read(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return new F2fsReader().read(volume).state();
        }
    }

    @Test
    void anUnmountedVolumeIsReadExactlyThroughJournalAndVersions() throws IOException {
        F2fsTools.assumeInstalled();
        Path image = KernelImage.unpack("f2fs-unmounted", directory);
        String before = F2fsTools.check(image);
        assertTrue(before.startsWith("0 "), before);
        FreeSpace space = assertInstanceOf(FreeSpace.class, read(image));
        assertEquals(F2fsTools.freeBytes(image), space.freeBytes());
        assertEquals(space.freeBytes(), space.free().totalBytes());
        assertTrue(space.free().size() > 20, space::toString);
        ZeroFreeSpace.scribble(image, space.free(), 1);
        assertEquals(before, F2fsTools.check(image));
    }

    @Test
    void aVolumeThatWasMountedWhenThePowerWasCutIsDirty() throws IOException {
        assertReason(Dirty.class, "the last checkpoint was written while it was in use", "f2fs-mounted");
    }

    @Test
    void aFileSyncedAfterTheCheckpointOfAnUnmountIsDirty() throws IOException {
        assertReason(Dirty.class, "files were synced after the last checkpoint", "f2fs-synced");
    }

    @Test
    void blocksWithoutAPlaceAreLeftAlone() throws IOException {
        assertReason(Unsupported.class, "74 blocks are counted as used and have no place", "f2fs-preallocated");
    }

    private void assertReason(Class<? extends FilesystemState> state, String reason, String name) throws IOException {
        FilesystemState found = read(KernelImage.unpack(name, directory));
        assertInstanceOf(state, found, found::reasonText);
        assertTrue(found.reasonText().contains(reason), found::reasonText);
    }
}
