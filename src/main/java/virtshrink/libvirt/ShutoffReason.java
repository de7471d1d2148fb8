package virtshrink.libvirt;

import java.util.Arrays;
import java.util.Optional;

/** Why a domain is shut off, numbered as {@code virDomainShutoffReason} in libvirt's {@code libvirt-domain.h}. */
public enum ShutoffReason {
    /** Forgotten: libvirtd was restarted since, or the domain never ran. */
    UNKNOWN(0, "unknown"),
    SHUTDOWN(1, "shutdown"),
    DESTROYED(2, "destroyed"),
    CRASHED(3, "crashed"),
    MIGRATED(4, "migrated"),
    SAVED(5, "saved"),
    FAILED(6, "failed"),
    FROM_SNAPSHOT(7, "from snapshot"),
    /** libvirtd ended it because it lost its monitor. */
    DAEMON(8, "daemon");

    private final int number;
    private final String text;

    ShutoffReason(int number, String text) {
        this.number = number;
        this.text = text;
    }

    /** As libvirt writes it, also into the domain's log. */
    public String text() {
        return text;
    }

    /** Whether the guest's disks hold all there is of it: no part of its state lies in a saved or another host's memory. */
    boolean leavesWholeDisks() {
        return this == SHUTDOWN || this == DESTROYED || this == FROM_SNAPSHOT;
    }

    /** A reason that only a newer libvirt knows counts as one that is not known. */
    static ShutoffReason ofNumber(int number) {
        return Arrays.stream(values())
                .filter(reason -> reason.number == number)
                .findFirst()
                .orElse(UNKNOWN);
    }

    static Optional<ShutoffReason> ofText(String text) {
        return Arrays.stream(values())
                .filter(reason -> reason.text.equals(text))
                .findFirst();
    }
}
