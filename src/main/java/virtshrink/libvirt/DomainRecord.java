package virtshrink.libvirt;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What libvirt knows of one domain at one moment.
 *
 * @param title a short description by its owner; may be empty
 * @param shutoffReason only if the state is {@link DomainState#SHUT_OFF}
 * @param managedSave whether it would be resumed from a saved memory image
 * @param snapshots number of libvirt snapshots, internal and external
 * @param checkpoints number of libvirt checkpoints
 * @param persistent false if it vanishes when it stops
 * @param inactiveXml its definition for the next start
 * @param disks the disks of that definition
 * @param furtherDisks disks of the running instance and of snapshots: in use, but not this definition's
 */
public record DomainRecord(
        String name,
        UUID uuid,
        Optional<String> title,
        DomainState state,
        Optional<ShutoffReason> shutoffReason,
        boolean managedSave,
        int snapshots,
        int checkpoints,
        boolean persistent,
        String inactiveXml,
        List<DomainDisk> disks,
        List<DomainDisk> furtherDisks) {
    public DomainRecord {
        disks = List.copyOf(disks);
        furtherDisks = List.copyOf(furtherDisks);
    }

    /** The disk of that guest name. */
    public Optional<DomainDisk> disk(String target) {
        return disks.stream().filter(disk -> disk.target().equals(target)).findFirst();
    }

    /** What its metadata say of how the daemon is to treat it. */
    public StatedPolicy policy() {
        StatedPolicy stated = PolicyXml.read(inactiveXml);
        if (stated instanceof StatedPolicy.Clear clear) {
            Optional<String> unknown = clear.policy().excludedDisks().stream()
                    .filter(target -> disk(target).isEmpty())
                    .findFirst();
            if (unknown.isPresent()) {
                return new StatedPolicy.Unclear(
                        "exclude-disks names " + unknown.get() + ", and the domain has no such disk");
            }
        }
        return stated;
    }
}
