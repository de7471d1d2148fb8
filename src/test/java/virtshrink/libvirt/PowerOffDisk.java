package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** A disk whose boot sector makes the guest power itself off: as near as a guest without an operating system comes to shutting down. */
public final class PowerOffDisk {
    /** Sleep state S5 into PM1a_CNT of the PIIX4, where SeaBIOS puts it: {@code mov dx,604h; mov ax,2000h; out dx,ax; hlt; jmp $-1}. */
    private static final byte[] POWER_OFF = {
        (byte) 0xba, 0x04, 0x06, (byte) 0xb8, 0x00, 0x20, (byte) 0xef, (byte) 0xf4, (byte) 0xeb, (byte) 0xfd
    };

    private PowerOffDisk() {}

    /** The XML of such a disk, which is made; the guest boots from it. */
    public static String xml(String target, Path image) throws IOException {
        // SeaBIOS finds no geometry for a much smaller one.
        byte[] disk = Arrays.copyOf(POWER_OFF, 2 << 20);
        disk[510] = 0x55;
        disk[511] = (byte) 0xaa;
        Files.write(image, disk);
        return PrivateLibvirtd.fileDisk(target, image, "raw").replace("</disk>", "<boot order='1'/></disk>");
    }
}
