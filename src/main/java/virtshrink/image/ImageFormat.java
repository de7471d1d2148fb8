package virtshrink.image;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** Image formats that can be read; only {@link #QCOW2} and {@link #RAW} can replace themselves. Never probed, always named. */
public enum ImageFormat {
    QCOW2,
    RAW,
    VMDK,
    VDI,
    VHDX,
    VPC;

    /** The name that qemu and libvirt use: {@code qcow2}. */
    public String qemuName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The format of that qemu name. */
    public static Optional<ImageFormat> ofQemuName(String name) {
        return Arrays.stream(values())
                .filter(format -> format.qemuName().equals(name))
                .findFirst();
    }
}
