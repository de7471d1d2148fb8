package virtshrink.libvirt;

/** State of a domain, numbered as {@code virDomainState} in libvirt's {@code libvirt-domain.h}; spelt as {@code virsh} spells it. */
public enum DomainState {
    NO_STATE("no state"),
    RUNNING("running"),
    BLOCKED("idle"),
    PAUSED("paused"),
    SHUTTING_DOWN("in shutdown"),
    SHUT_OFF("shut off"),
    CRASHED("crashed"),
    PM_SUSPENDED("pmsuspended"),
    /** A state that only a newer libvirt knows. */
    UNKNOWN("in an unknown state");

    private final String text;

    DomainState(String text) {
        this.text = text;
    }

    /** As {@code virsh list} shows it. */
    public String text() {
        return text;
    }

    static DomainState ofNumber(int number) {
        return number >= 0 && number < UNKNOWN.ordinal() ? values()[number] : UNKNOWN;
    }
}
