package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import jdk.net.UnixDomainPrincipal;
import virtshrink.control.ControlClient;
import virtshrink.control.ControlServer;
import virtshrink.control.Doorkeeper;
import virtshrink.control.Requests;
import virtshrink.os.Accounts;

/**
 * Who may use the control socket: root, the daemon's own user and, if there is one, the configured group. The modes of socket and directory keep
 * others out, and each client's credentials are looked at as well.
 */
final class ControlDoor implements Doorkeeper {
    private final Path directory;
    private final UserPrincipal root;
    private final UserPrincipal self;
    private final Optional<GroupPrincipal> group;

    /** Known when the socket has it: Java tells the number of a group only as that of a file. */
    private volatile int gid;

    private ControlDoor(Path directory, Optional<String> group) throws IOException {
        var accounts = FileSystems.getDefault().getUserPrincipalLookupService();
        this.directory = directory;
        this.root = accounts.lookupPrincipalByName("0");
        this.self = Files.getOwner(directory);
        this.group =
                group.isPresent() ? Optional.of(accounts.lookupPrincipalByGroupName(group.get())) : Optional.empty();
    }

    /** Listens in a run directory. */
    static ControlServer open(Path directory, Optional<String> group, Requests requests) throws IOException {
        ControlDoor door = new ControlDoor(directory, group);
        return ControlServer.start(directory.resolve(ControlClient.SOCKET_NAME), door::prepare, door, requests);
    }

    private void prepare(Path socket) throws IOException {
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
        if (group.isPresent()) {
            Files.getFileAttributeView(socket, PosixFileAttributeView.class).setGroup(group.get());
            gid = (int) Files.getAttribute(socket, "unix:gid");
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw----"));
            // Whoever passes through can reach the socket by its name, and nothing else: the runs' directories are the
            // owner's alone.
            Set<PosixFilePermission> passable = EnumSet.copyOf(Files.getPosixFilePermissions(directory));
            passable.add(PosixFilePermission.GROUP_EXECUTE);
            passable.add(PosixFilePermission.OTHERS_EXECUTE);
            Files.setPosixFilePermissions(directory, passable);
        }
    }

    @Override
    public boolean lets(UnixDomainPrincipal peer) {
        return peer.user().equals(root)
                || peer.user().equals(self)
                || group.filter(known -> peer.group().equals(known)
                                || Accounts.isMember(peer.user().getName(), gid))
                        .isPresent();
    }
}
