package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MountTest {
    private static final List<String> LINES = List.of(
            "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
            "30 27 0:40 /@home /home rw,relatime shared:1 master:2 - btrfs /dev/vdb rw,subvol=/@home",
            "31 27 7:0 / /mnt/a\\040b\\134c rw - fuseblk /dev/loop0 rw",
            "32 31 7:1 / /mnt/a\\040b\\134c rw - ext4 /dev/loop1 rw",
            "not such a line",
            "33 27 7:2 / /mnt/short rw - ext4",
            "35 27 7:3 / /mnt/ro ro,nodev - ext4 /dev/loop2 rw",
            "36 27 7:3 / /mnt/superblock rw,nodev - ext4 /dev/loop2 ro,errors=remount-ro");

    @Test
    void deepestMountHoldsThePath() {
        assertEquals(Optional.of(new Mount("/home", "btrfs", "/dev/vdb", true)), Mount.find(LINES, "/home/user"));
        assertEquals(Optional.of(new Mount("/home", "btrfs", "/dev/vdb", true)), Mount.find(LINES, "/home"));
        assertEquals("/dev/vda", Mount.find(LINES, "/homeless").orElseThrow().source());
        assertEquals("/dev/vda", Mount.find(LINES, "/mnt/short/x").orElseThrow().source());
    }

    @Test
    void laterMountCoversTheEarlierAndNamesAreUnescaped() {
        assertEquals(
                new Mount("/mnt/a b\\c", "ext4", "/dev/loop1", true),
                Mount.find(LINES, "/mnt/a b\\c/d").orElseThrow());
    }

    @Test
    void whatIsReadOnlyInEitherOfTwoPlacesCannotBeWrittenTo() {
        assertEquals(false, Mount.find(LINES, "/mnt/ro").orElseThrow().writable());
        assertEquals(false, Mount.find(LINES, "/mnt/superblock").orElseThrow().writable());
    }

    @Test
    void aProcessHasMountsAtExactPointsOnly() throws Exception {
        long self = ProcessHandle.current().pid();
        assertEquals(
                "proc", Mount.ofProcess(self, Path.of("/proc")).orElseThrow().type());
        assertEquals(Optional.empty(), Mount.ofProcess(self, Path.of("/proc/self")));
    }

    @Test
    void procLiesOnProc() throws Exception {
        assertEquals("proc", Mount.of(Path.of("/proc/self/fd")).orElseThrow().type());
    }
}
