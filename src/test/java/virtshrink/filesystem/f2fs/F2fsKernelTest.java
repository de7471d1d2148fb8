package virtshrink.filesystem.f2fs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.FileBlockSource;
import virtshrink.block.MemoryDisk;
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

    /** As fallocate leaves them: 74 blocks are counted as used and have no place. */
    @Test
    void blocksThatAreOnlyReservedHideNoFreeSpace() throws IOException {
        F2fsTools.assumeInstalled();
        Path image = KernelImage.unpack("f2fs-preallocated", directory);
        String before = F2fsTools.check(image);
        assertTrue(before.startsWith("0 "), before);
        FreeSpace space = assertInstanceOf(FreeSpace.class, read(image));
        assertEquals(F2fsTools.freeBytes(image), space.freeBytes());
        assertEquals(space.freeBytes(), space.free().totalBytes());
        ZeroFreeSpace.scribble(image, space.free(), 1);
        assertEquals(before, F2fsTools.check(image));
        assertEquals(space, read(image));
    }

    @Test
    void oneBlockMoreOrLessThanWhatFilesHaveReservedIsLeftAlone() throws IOException {
        MemoryDisk disk = MemoryDisk.load(KernelImage.unpack("f2fs-preallocated", directory));
        assertInstanceOf(FreeSpace.class, new F2fsReader().read(disk).state());
        int pack = F2fsSeal.newestPack(disk);
        int count = F2fsSeal.u32(disk, pack + 16);
        for (int difference : new int[] {-1, 1}) {
            disk.u32le(pack + 16, count + difference);
            F2fsSeal.checkpoints(disk, pack);
            FilesystemState state = new F2fsReader().read(disk).state();
            assertInstanceOf(Unsupported.class, state, state::reasonText);
            assertTrue(state.reasonText().startsWith(74 + difference + " blocks are counted as used"));
        }
    }

    private void assertReason(Class<? extends FilesystemState> state, String reason, String name) throws IOException {
        FilesystemState found = read(KernelImage.unpack(name, directory));
        assertInstanceOf(state, found, found::reasonText);
        assertTrue(found.reasonText().contains(reason), found::reasonText);
    }
}
