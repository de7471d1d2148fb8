package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.KernelImage;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/** What Linux's driver ntfs3 leaves behind, which marks a volume that it writes to as Windows does. */
class NtfsKernelTest {
    @TempDir
    Path directory;

    @Test
    void anUnmountedVolumeIsReadExactly() throws IOException {
        Ntfs3g.assumeInstalled();
        Path image = KernelImage.unpack("ntfs3-unmounted", directory);
        TreeDigest before = digest(image);
        FilesystemState.FreeSpace space = assertInstanceOf(FilesystemState.FreeSpace.class, state(image));
        assertEquals(Ntfs3g.freeBytes(image), space.freeBytes());
        ZeroFreeSpace.scribble(image, space.free(), 1);
        Ntfs3g.assertClean(image);
        before.assertSame(digest(image), "ntfs3-unmounted");
    }

    @Test
    void aVolumeThatWasWrittenToAtThatMomentIsDirty() throws IOException {
        FilesystemState state = state(KernelImage.unpack("ntfs3-mounted", directory));
        assertInstanceOf(FilesystemState.Dirty.class, state, state::reasonText);
    }

    private TreeDigest digest(Path image) throws IOException {
        try (MountedImage mount = MountedImage.ntfs(image, directory.resolve("mount"), "ro")) {
            return TreeDigest.of(mount.path());
        }
    }

    private static FilesystemState state(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return new NtfsReader().read(volume).state();
        }
    }
}
