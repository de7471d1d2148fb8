package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.libvirt.Connect;
import org.libvirt.Domain;
import org.libvirt.DomainSnapshot;
import org.libvirt.Error.ErrorNumber;
import org.libvirt.LibvirtException;
import org.libvirt.jna.Libvirt.VirErrorCallback;
import virtshrink.image.ImagePlace;
import virtshrink.libvirt.Connection.CallFailedException;
import virtshrink.libvirt.Connection.Condition;

/**
 * One connection to libvirt on this host. Only asks, but for three things: {@link #refreshPoolsHolding} changes the view that libvirt has of
 * a storage pool, {@link #storePolicy} the metadata of a domain, {@link #moveDisk} its definition. Thread-safe. Every question goes to libvirt anew.
 */
public final class Hypervisor implements AutoCloseable {
    /** Held for ever: native code keeps only an address. */
    private static final VirErrorCallback SILENT = (data, error) -> {};

    private final ConnectionUri uri;
    private final Patience patience;
    private final CallThreads calls;
    private volatile Connection connection;
    private volatile StoragePools pools;
    private boolean closed;

    private Hypervisor(ConnectionUri uri, Patience patience, Connection connection) {
        this.uri = uri;
        this.patience = patience;
        this.calls = new CallThreads(patience);
        this.connection = connection;
        this.pools = new StoragePools(connection);
    }

    /**
     * Connects, with a patience of its own.
     *
     * @param uri of a driver on this host, such as {@code qemu:///system}
     * @throws LibvirtUnavailableException if the URI leads elsewhere, libvirt is not installed, or it does not answer
     */
    public static Hypervisor open(String uri) throws LibvirtUnavailableException {
        ConnectionUri parsed = ConnectionUri.parse(uri);
        Patience patience = Patience.standard();
        return new Hypervisor(parsed, patience, connect(parsed, parsed.isEmbedded(), patience));
    }

    /**
     * Connects likewise, for a process that lives long: libvirt's event loop keeps the connection alive, so that one to a libvirtd that hangs is
     * found to be broken.
     *
     * @param patience with which every answer is waited for
     */
    public static Hypervisor open(String uri, Patience patience) throws LibvirtUnavailableException {
        ConnectionUri parsed = ConnectionUri.parse(uri);
        return new Hypervisor(parsed, patience, connect(parsed, true, patience));
    }

    /**
     * Connects.
     *
     * @param events whether libvirt's event loop must run, which has to be started before any connection that it serves
     */
    static Connection connect(ConnectionUri parsed, boolean events, Patience patience)
            throws LibvirtUnavailableException {
        String uri = parsed.text();
        try {
            silenceLibvirt();
            if (events) {
                EventLoop.start();
            }
            return Opening.open(uri, patience);
        } catch (LibvirtException e) {
            throw new LibvirtUnavailableException(
                    "cannot connect to libvirt at " + uri + ": " + e.getMessage()
                            + "; is its daemon running (systemctl status libvirtd virtqemud), and may this user use it?",
                    e);
        } catch (LinkageError e) {
            throw new LibvirtUnavailableException(
                    "cannot connect to libvirt at " + uri + ": its client library libvirt.so.0 is not installed"
                            + " (package libvirt0 or libvirt-libs): " + e.getMessage(),
                    e);
        }
    }

    /** What makes this no URI to connect to; empty if it is one, whether or not anybody answers there. */
    public static Optional<String> problemWith(String uri) {
        try {
            ConnectionUri.parse(uri);
            return Optional.empty();
        } catch (LibvirtUnavailableException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** libvirt prints each error on standard error unless told otherwise; here every error becomes an exception instead. */
    private static void silenceLibvirt() throws LibvirtException {
        Connect.setErrorCallback(SILENT);
    }

    /** As given to {@link #open}. */
    public String uri() {
        return uri.text();
    }

    /** Where this libvirt writes the logs of its domains, by its defaults. */
    public Path domainLogDirectory() {
        return uri.domainLogDirectory(System.getenv());
    }

    /** All domains: running and not, transient ones too. One that vanishes meanwhile is left out. */
    public List<DomainRecord> domains() throws LibvirtUnavailableException {
        return ask("all domains", () -> {
            List<DomainRecord> found = new ArrayList<>();
            for (UUID uuid : connection.allDomains()) {
                read(uuid).ifPresent(found::add);
            }
            return found;
        });
    }

    /**
     * One domain.
     *
     * @return empty if there is none of that UUID or name
     */
    public Optional<DomainRecord> domain(String nameOrUuid) throws LibvirtUnavailableException {
        return ask("the domain " + nameOrUuid, () -> {
            Optional<UUID> uuid = uuid(nameOrUuid);
            Optional<DomainRecord> byUuid = uuid.isPresent() ? read(uuid.get()) : Optional.empty();
            if (byUuid.isPresent()) {
                return byUuid;
            }
            Optional<UUID> named = connection.domainNamed(nameOrUuid);
            return named.isPresent() ? read(named.get()) : Optional.empty();
        });
    }

    /**
     * Makes libvirt look again at the storage pools in whose directory the file lies, under its name or where its symbolic links lead.
     *
     * @return names of the pools
     * @throws LibvirtUnavailableException if libvirt could not; the file itself is not affected
     */
    public List<String> refreshPoolsHolding(Path file) throws LibvirtUnavailableException {
        return ask("a refresh of the storage pool that holds " + file, () -> pools.refreshHolding(file));
    }

    /** The directories of the active storage pools that keep image files, by the pools' names; symbolic links resolved where they can be. */
    public Map<String, Path> poolDirectories() throws LibvirtUnavailableException {
        return ask("the directories of the storage pools", pools::directories);
    }

    /**
     * Makes this the policy of a persistent domain, and of its running instance if there is one. What else is in its metadata stays.
     *
     * @return why the domain cannot have a policy; empty if it has it now
     */
    public Optional<String> storePolicy(DomainRecord domain, DomainPolicy policy) throws LibvirtUnavailableException {
        if (!domain.persistent()) {
            return Optional.of("the domain " + domain.name()
                    + " is transient: it vanishes when it stops, and its policy with it; define it first, for example with:"
                    + " virsh define FILE");
        }
        Optional<String> element =
                policy.equals(DomainPolicy.NONE) ? Optional.empty() : Optional.of(PolicyXml.write(policy));
        return ask("a change of the metadata of " + domain.name(), () -> {
            connection.setMetadata(domain.uuid(), element, PolicyXml.KEY, PolicyXml.NAMESPACE);
            return Optional.empty();
        });
    }

    /**
     * As {@link DiskHost#move}.
     *
     * @throws RedefinitionRefusedException if the definition does not name the one expected; nothing has changed
     * @throws LibvirtUnavailableException if libvirt failed; the definition is either the old or the new one
     */
    void moveDisk(UUID domain, String target, ImagePlace from, ImagePlace to)
            throws LibvirtUnavailableException, RedefinitionRefusedException {
        String what = "another image of the disk " + target + " of the domain " + domain;
        String old = ask(what, () -> connection.completeDefinition(domain));
        String fresh;
        try {
            fresh = new DiskEdit(target, from, to).apply(old);
        } catch (SafeXml.MalformedXmlException e) {
            throw new RedefinitionRefusedException(
                    "the definition of the domain " + domain + " cannot be understood: " + e.getMessage());
        }
        // libvirt has no way to define only what has not been changed meanwhile: nothing comes between the two calls.
        // And
        // never again over another connection: by then it may have been changed.
        calls.call(() -> askOnce(what, () -> {
            connection.define(fresh);
            return fresh;
        }));
    }

    /** Everything that bears on who uses which image. */
    HostSurvey survey() throws LibvirtUnavailableException {
        List<String> notes = new ArrayList<>();
        List<DomainRecord> domains = domains();
        return ask("the volumes of the storage pools", () -> new HostSurvey(domains, pools.volumes(notes), notes));
    }

    private Optional<DomainRecord> read(UUID uuid) throws LibvirtException, CallFailedException, IOException {
        Optional<Condition> condition = connection.condition(uuid);
        if (condition.isEmpty()) {
            return Optional.empty();
        }
        try {
            Domain domain = connection.domainLookupByUUID(uuid);
            try {
                return Optional.of(read(domain, condition.get()));
            } finally {
                domain.free();
            }
        } catch (LibvirtException e) {
            if (e.getError().getCode() == ErrorNumber.VIR_ERR_NO_DOMAIN) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private DomainRecord read(Domain domain, Condition condition) throws LibvirtException, IOException {
        String inactiveXml = domain.getXMLDesc(LibvirtCalls.XML_INACTIVE);
        DomainXml definition = DomainXml.parse(inactiveXml);
        List<DomainDisk> further = new ArrayList<>();
        if (condition.state() != DomainState.SHUT_OFF) {
            further.addAll(DomainXml.parse(domain.getXMLDesc(0)).disks());
        }
        String[] snapshots = domain.snapshotListNames();
        for (String snapshot : snapshots) {
            further.addAll(snapshotDisks(domain, snapshot));
        }
        return new DomainRecord(
                definition.name(),
                definition.uuid(),
                definition.title(),
                condition.state(),
                condition.reason(),
                domain.hasManagedSaveImage() != 0,
                snapshots.length,
                condition.checkpoints(),
                domain.isPersistent() != 0,
                inactiveXml,
                located(definition.disks()),
                located(further));
    }

    private static List<DomainDisk> snapshotDisks(Domain domain, String snapshot) throws LibvirtException, IOException {
        try {
            DomainSnapshot found = domain.snapshotLookupByName(snapshot);
            try {
                return DomainXml.parseSnapshotDisks(found.getXMLDesc());
            } finally {
                found.free();
            }
        } catch (LibvirtException e) {
            // Deleted since it was listed: then it uses nothing any more.
            if (e.getError().getCode() == ErrorNumber.VIR_ERR_NO_DOMAIN_SNAPSHOT) {
                return List.of();
            }
            throw e;
        }
    }

    private List<DomainDisk> located(List<DomainDisk> disks) throws LibvirtException, IOException {
        List<DomainDisk> found = new ArrayList<>(disks.size());
        for (DomainDisk disk : disks) {
            found.add(disk.source() instanceof DiskSource.PoolVolume volume ? disk.at(pools.locate(volume)) : disk);
        }
        return found;
    }

    /** Asks, once more over a new connection if the one there was has broken: libvirtd may have been restarted. */
    private <T> T ask(String what, Question<T> question) throws LibvirtUnavailableException {
        Connection used = connection;
        try {
            return calls.call(() -> askOnce(what, question));
        } catch (LibvirtUnavailableException e) {
            if (!replaced(used)) {
                throw e;
            }
            return calls.call(() -> askOnce(what, question));
        }
    }

    @SuppressWarnings(
            "ReferenceEquality") // Whether it is that very connection; another to the same place is a new one.
    private synchronized boolean replaced(Connection used) {
        if (closed || (connection == used && used.isUsable())) {
            return false;
        }
        if (connection == used) {
            try {
                connection = connect(uri, EventLoop.isStarted(), patience);
                pools = new StoragePools(connection);
            } catch (LibvirtUnavailableException stillGone) {
                return false;
            }
            calls.close(used, () -> {}, "a broken connection to libvirt");
        }
        return true;
    }

    private <T> T askOnce(String what, Question<T> question) throws LibvirtUnavailableException {
        try {
            return question.ask();
        } catch (LibvirtUnavailableException e) {
            throw e;
        } catch (LibvirtException | CallFailedException | IOException e) {
            throw new LibvirtUnavailableException(
                    "libvirt at " + uri.text() + " was asked for " + what + " and failed: " + e.getMessage(), e);
        }
    }

    private static Optional<UUID> uuid(String text) {
        // UUID.fromString also takes shorter groups, which no libvirt UUID has.
        return text.matches("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
                ? Optional.of(UUID.fromString(text))
                : Optional.empty();
    }

    /** Ends the connection; every later question fails. One that is being asked is not waited for. */
    @Override
    public void close() throws LibvirtUnavailableException {
        Connection ended;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            ended = connection;
        }
        calls.close(ended, () -> {}, "the connection to libvirt at " + uri.text());
    }

    /** Something asked of libvirt. */
    private interface Question<T> {
        T ask() throws LibvirtException, CallFailedException, IOException;
    }
}
