package virtshrink.libvirt;

import java.util.Optional;

/** Whether a domain is at rest with all of its state on its disks. Thread-safe. */
final class IdleRule {
    private final DomainLog log;

    IdleRule(DomainLog log) {
        this.log = log;
    }

    /** Why the domain must be left alone, as a sentence; empty if it is idle. */
    Optional<String> whyNotIdle(DomainRecord domain) {
        String name = domain.name();
        if (domain.state() != DomainState.SHUT_OFF) {
            return Optional.of("the domain " + name + " is " + domain.state().text()
                    + ", not shut off; shut it down first, for example with: virsh shutdown " + name);
        }
        if (domain.managedSave()) {
            return Optional.of("the domain " + name
                    + " has a managed save image: half of its disks' state is in saved memory; start it and shut it down, or give the saved"
                    + " memory up with: virsh managedsave-remove " + name);
        }
        if (domain.snapshots() > 0) {
            return Optional.of("the domain " + name + " has " + domain.snapshots()
                    + (domain.snapshots() == 1 ? " snapshot" : " snapshots")
                    + " that a rebuild would break; look at them with: virsh snapshot-list " + name
                    + ", and delete what is not needed");
        }
        ShutoffReason reason = domain.shutoffReason().orElse(ShutoffReason.UNKNOWN);
        if (reason == ShutoffReason.UNKNOWN) {
            return log.whyNotEnded(name).map(why -> "the domain " + name + " is left alone: " + why);
        }
        if (!reason.leavesWholeDisks()) {
            return Optional.of("the domain " + name + " is shut off because it " + ending(reason)
                    + ", so its disks may not be in a state of rest; start it once and shut it down from within");
        }
        return Optional.empty();
    }

    /**
     * Why a filesystem of the domain that was not cleanly unmounted cannot be taken for one of a guest that was powered off; empty if it can:
     * its last run is known to have ended by a shutdown or by being destroyed, here.
     */
    Optional<String> whyNoReplay(DomainRecord domain) {
        Optional<String> notIdle = whyNotIdle(domain);
        if (notIdle.isPresent()) {
            return notIdle;
        }
        return switch (domain.shutoffReason().orElse(ShutoffReason.UNKNOWN)) {
            case SHUTDOWN, DESTROYED -> Optional.empty();
            case UNKNOWN -> log.whyNotProvenToHaveEnded(domain.name());
            default ->
                Optional.of("the last run of the domain " + domain.name()
                        + " ended neither by a shutdown nor by being destroyed");
        };
    }

    private static String ending(ShutoffReason reason) {
        return switch (reason) {
            case SAVED -> "was saved to a file";
            case MIGRATED -> "was migrated to another host, where it may be running on these disks";
            case CRASHED -> "crashed";
            case FAILED -> "failed to start";
            case DAEMON -> "was ended by libvirtd, which had lost its monitor";
            default -> "ended as '" + reason.text() + "'";
        };
    }
}
