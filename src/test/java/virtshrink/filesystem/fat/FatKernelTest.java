package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.KernelImage;
import virtshrink.filesystem.ZeroFreeSpace;

/** What Linux's own drivers leave behind, after an unmount and after a loss of power. */
class FatKernelTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"fat12-unmounted", "fat32-unmounted"})
    void anUnmountedFatVolumeIsReadExactly(String name) throws IOException {
        Dosfstools.assumeInstalled();
        Path image = KernelImage.unpack(name, directory);
        Dosfstools.Check before = Dosfstools.check(image);
        Map<String, String> contents = Dosfstools.contents(image, directory);
        assertEquals(33, contents.size());
        FilesystemState.FreeSpace space = freeSpace(new FatReader(), image);
        assertEquals(before.freeBytes(), space.freeBytes());
        ZeroFreeSpace.scribble(image, space.free(), 1);
        assertEquals(before, Dosfstools.check(image));
        assertEquals(contents, Dosfstools.contents(image, directory));
    }

    @Test
    void anUnmountedExfatVolumeIsReadExactly() throws IOException {
        Exfatprogs.assumeInstalled();
        Path image = KernelImage.unpack("exfat-unmounted", directory);
        ExternalTool.Result before = Exfatprogs.check(image);
        assertEquals(0, before.exitCode(), before.output());
        FilesystemState.FreeSpace space = freeSpace(new ExfatReader(), image);
        assertEquals(Exfatprogs.freeBytes(image), space.freeBytes());
        ZeroFreeSpace.scribble(image, space.free(), 1);
        assertEquals(before, Exfatprogs.check(image));
    }

    @ParameterizedTest
    @ValueSource(strings = {"fat16-mounted", "fat32-mounted", "exfat-mounted"})
    void aVolumeThatWasMountedWhenThePowerWasCutIsDirty(String name) throws IOException {
        Path image = KernelImage.unpack(name, directory);
        FreeSpaceReader reader = name.startsWith("exfat") ? new ExfatReader() : new FatReader();
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            assertTrue(reader.recognises(volume));
            FilesystemState state = reader.read(volume).state();
            assertInstanceOf(FilesystemState.Dirty.class, state, state::reasonText);
        }
    }

    private static FilesystemState.FreeSpace freeSpace(FreeSpaceReader reader, Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            FilesystemState state = reader.read(volume).state();
            return assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
        }
    }
}
