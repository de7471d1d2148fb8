package virtshrink.libvirt;

import java.util.Arrays;

/** State of a domain, numbered as {@code virDomainState} in libvirt's {@code libvirt-domain.h}; spelt as {@code virsh} spells it. */
public enum DomainState {
    NO_STATE(0, "no state"),
    RUNNING(1, "running"),
    BLOCKED(2, "idle"),
    PAUSED(3, "paused"),
    SHUTTING_DOWN(4, "in shutdown"),
    SHUT_OFF(5, "shut off"),
    CRASHED(6, "crashed"),
    PM_SUSPENDED(7, "pmsuspended"),
    /** A state that only a newer libvirt knows. */
    UNKNOWN(-1, "in an unknown state");

    private final int number;
    private final String text;

    DomainState(int number, String text) {
        this.number = number;
        this.text = text;
    }

    /** As {@code virsh list} shows it. */
    public String text() {
        return text;
    }

    static DomainState ofNumber(int number) {
        return Arrays.stream(values())
                .filter(state -> state.number == number)
                .findFirst()
                .orElse(UNKNOWN);
    }
}
