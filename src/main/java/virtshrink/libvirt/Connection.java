package virtshrink.libvirt;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.libvirt.Connect;
import org.libvirt.LibvirtException;
import org.libvirt.jna.ConnectionPointer;

/** A libvirt-java connection, with the calls that it lacks. Thread-safe, as libvirt's own is; an error belongs to the thread of its call. */
final class Connection extends Connect {
    private static final LibvirtCalls CALLS = LibvirtCalls.load();

    /** A libvirtd that has not shown a sign of life for this long, in seconds, is asked for one. */
    private static final int KEEP_ALIVE_SECONDS = 5;

    /** So often in vain, and then the connection is broken, and whoever waits for an answer learns it. */
    private static final int KEEP_ALIVE_ATTEMPTS = 3;

    /** Waits for as long as libvirtd hangs; see {@link Opening}. */
    Connection(String uri) throws LibvirtException {
        super(uri);
        if (EventLoop.isStarted()) {
            // Fails with drivers that live in this process, which need none.
            CALLS.virConnectSetKeepAlive(pointer(), KEEP_ALIVE_SECONDS, KEEP_ALIVE_ATTEMPTS);
        }
    }

    /** Whether anything can still be asked over it, as far as is known. */
    boolean isUsable() {
        return CALLS.virConnectIsAlive(pointer()) == 1;
    }

    /**
     * From now on the events of all domains are told, and when the connection is broken.
     *
     * @param key told with them
     * @return what {@link #unwatch} wants
     */
    int watch(long key) throws CallFailedException {
        Pointer opaque = new Pointer(key);
        if (CALLS.virConnectRegisterCloseCallback(pointer(), WatchCallbacks.CLOSED, opaque, null) < 0) {
            throw failed("being told when the connection breaks");
        }
        int id = CALLS.virConnectDomainEventRegisterAny(
                pointer(), null, LibvirtCalls.EVENT_ID_LIFECYCLE, WatchCallbacks.HAPPENED, opaque, null);
        if (id < 0) {
            CallFailedException why = failed("the events of the domains");
            CALLS.virConnectUnregisterCloseCallback(pointer(), WatchCallbacks.CLOSED);
            throw why;
        }
        return id;
    }

    /** Ends it; without, libvirt would not close the connection. A connection that is broken already forgets it all the same. */
    void unwatch(int id) {
        CALLS.virConnectDomainEventDeregisterAny(pointer(), id);
        CALLS.virConnectUnregisterCloseCallback(pointer(), WatchCallbacks.CLOSED);
    }

    private ConnectionPointer pointer() {
        return vcp;
    }

    /** Every domain, running or not. */
    List<UUID> allDomains() throws CallFailedException {
        PointerByReference array = new PointerByReference();
        int count = CALLS.virConnectListAllDomains(pointer(), array, 0);
        if (count < 0) {
            throw failed("the list of domains");
        }
        Pointer start = array.getValue();
        try {
            List<UUID> found = new ArrayList<>(count);
            for (Pointer domain : start.getPointerArray(0, count)) {
                found.add(uuid(domain));
            }
            return found;
        } finally {
            for (Pointer domain : start.getPointerArray(0, count)) {
                CALLS.virDomainFree(domain);
            }
            Native.free(Pointer.nativeValue(start));
        }
    }

    /** The domain of that name. */
    Optional<UUID> domainNamed(String name) throws CallFailedException {
        Pointer domain = CALLS.virDomainLookupByName(pointer(), name);
        if (domain == null) {
            CallFailedException why = failed("the domain " + name);
            if (why.code == LibvirtCalls.ERROR_NO_DOMAIN) {
                return Optional.empty();
            }
            throw why;
        }
        try {
            return Optional.of(uuid(domain));
        } finally {
            CALLS.virDomainFree(domain);
        }
    }

    /** State, reason and checkpoints of one domain; empty if it is gone. */
    Optional<Condition> condition(UUID uuid) throws CallFailedException {
        Pointer domain = CALLS.virDomainLookupByUUIDString(pointer(), uuid.toString());
        try {
            return Optional.of(condition(domain));
        } catch (CallFailedException e) {
            if (e.code == LibvirtCalls.ERROR_NO_DOMAIN) {
                return Optional.empty();
            }
            throw e;
        } finally {
            if (domain != null) {
                CALLS.virDomainFree(domain);
            }
        }
    }

    private static Condition condition(@Nullable Pointer domain) throws CallFailedException {
        IntByReference state = new IntByReference();
        IntByReference reason = new IntByReference();
        if (domain == null || CALLS.virDomainGetState(domain, state, reason, 0) < 0) {
            throw failed("the state of the domain");
        }
        int checkpoints = CALLS.virDomainListAllCheckpoints(domain, null, 0);
        if (checkpoints < 0) {
            CallFailedException why = failed("the checkpoints of the domain");
            if (why.code != LibvirtCalls.ERROR_NO_SUPPORT) {
                throw why;
            }
        }
        DomainState known = DomainState.ofNumber(state.getValue());
        return new Condition(
                known,
                known == DomainState.SHUT_OFF
                        ? Optional.of(ShutoffReason.ofNumber(reason.getValue()))
                        : Optional.empty(),
                Math.max(0, checkpoints));
    }

    /**
     * Puts an element into the metadata of a persistent domain, in the place of the one of that namespace; elements of others stay. A running
     * domain gets it both now and for its next start.
     *
     * @param element none removes it
     */
    void setMetadata(UUID uuid, Optional<String> element, String key, String namespace) throws CallFailedException {
        Pointer domain = CALLS.virDomainLookupByUUIDString(pointer(), uuid.toString());
        if (domain == null) {
            throw failed("the domain");
        }
        try {
            int active = CALLS.virDomainIsActive(domain);
            if (active < 0) {
                throw failed("whether the domain is running");
            }
            int flags = LibvirtCalls.AFFECT_CONFIG | (active == 1 ? LibvirtCalls.AFFECT_LIVE : 0);
            @Nullable String xml = element.orElse(null);
            if (CALLS.virDomainSetMetadata(domain, LibvirtCalls.METADATA_ELEMENT, xml, key, namespace, flags) < 0) {
                throw failed("the metadata of the domain");
            }
        } finally {
            CALLS.virDomainFree(domain);
        }
    }

    /** A domain's definition for its next start, its secrets included, so that nothing is lost when it is defined again. */
    String completeDefinition(UUID uuid) throws CallFailedException {
        Pointer domain = CALLS.virDomainLookupByUUIDString(pointer(), uuid.toString());
        if (domain == null) {
            throw failed("the domain " + uuid);
        }
        try {
            Pointer text = CALLS.virDomainGetXMLDesc(domain, LibvirtCalls.XML_SECURE | LibvirtCalls.XML_INACTIVE);
            if (text == null) {
                throw failed("the definition of the domain " + uuid);
            }
            try {
                return text.getString(0, "UTF-8");
            } finally {
                Native.free(Pointer.nativeValue(text));
            }
        } finally {
            CALLS.virDomainFree(domain);
        }
    }

    /** Makes this the definition of the domain that it names. */
    void define(String xml) throws CallFailedException {
        Pointer domain = CALLS.virDomainDefineXML(pointer(), xml);
        if (domain == null) {
            throw failed("a new definition of the domain");
        }
        CALLS.virDomainFree(domain);
    }

    private static UUID uuid(Pointer domain) throws CallFailedException {
        byte[] buffer = new byte[LibvirtCalls.UUID_BUFFER_BYTES];
        if (CALLS.virDomainGetUUIDString(domain, buffer) < 0) {
            throw failed("the UUID of a domain");
        }
        return UUID.fromString(new String(buffer, 0, buffer.length - 1, StandardCharsets.US_ASCII));
    }

    /** What an event of a domain tells; empty if libvirt cannot say which domain it was. */
    static Optional<DomainChange> change(Pointer domain, int event, int detail) {
        try {
            String name = CALLS.virDomainGetName(domain);
            return name == null
                    ? Optional.empty()
                    : Optional.of(new DomainChange(uuid(domain), name, DomainChange.Kind.of(event, detail)));
        } catch (CallFailedException e) {
            return Optional.empty();
        }
    }

    /** libvirt keeps the last error for each thread, so this must follow the failed call at once. */
    private static CallFailedException failed(String what) {
        return new CallFailedException(what + ": " + CALLS.virGetLastErrorMessage(), CALLS.virGetLastErrorCode());
    }

    /** What {@code virDomainGetState} and the list of checkpoints say. */
    record Condition(DomainState state, Optional<ShutoffReason> reason, int checkpoints) {}

    /** libvirt answered with an error. */
    static final class CallFailedException extends Exception {
        private final int code;

        CallFailedException(String message, int code) {
            super(message);
            this.code = code;
        }
    }
}
