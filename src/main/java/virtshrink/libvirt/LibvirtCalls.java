package virtshrink.libvirt;

import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.libvirt.jna.ConnectionPointer;

/** The calls of {@code libvirt.so.0} that libvirt-java lacks; names and arguments as in libvirt's C API reference. */
interface LibvirtCalls extends Library {
    /** {@code VIR_ERR_NO_SUPPORT}: the driver has no such function. */
    int ERROR_NO_SUPPORT = 3;

    /** {@code VIR_ERR_NO_DOMAIN}. */
    int ERROR_NO_DOMAIN = 42;

    /** {@code VIR_DOMAIN_XML_SECURE}: passwords too. */
    int XML_SECURE = 1;

    /** {@code VIR_DOMAIN_XML_INACTIVE}. */
    int XML_INACTIVE = 2;

    /** {@code VIR_DOMAIN_METADATA_ELEMENT}. */
    int METADATA_ELEMENT = 2;

    /** {@code VIR_DOMAIN_AFFECT_LIVE}. */
    int AFFECT_LIVE = 1;

    /** {@code VIR_DOMAIN_AFFECT_CONFIG}. */
    int AFFECT_CONFIG = 2;

    /** {@code VIR_UUID_STRING_BUFLEN}. */
    int UUID_BUFFER_BYTES = 37;

    /** {@code VIR_DOMAIN_EVENT_ID_LIFECYCLE}. */
    int EVENT_ID_LIFECYCLE = 0;

    /** Names are UTF-8 whatever the locale of this process is. */
    static LibvirtCalls load() {
        return Native.load("virt", LibvirtCalls.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));
    }

    /** All domains at one moment; two calls, for the running and for the defined, could both miss one that is just starting. */
    int virConnectListAllDomains(ConnectionPointer connection, PointerByReference domains, int flags);

    @Nullable
    Pointer virDomainLookupByName(ConnectionPointer connection, String name);

    @Nullable
    Pointer virDomainLookupByUUIDString(ConnectionPointer connection, String uuid);

    int virDomainGetUUIDString(Pointer domain, byte[] buffer);

    int virDomainGetState(Pointer domain, IntByReference state, IntByReference reason, int flags);

    int virDomainListAllCheckpoints(Pointer domain, @Nullable PointerByReference checkpoints, int flags);

    /** A string that the caller frees. */
    @Nullable
    Pointer virDomainGetXMLDesc(Pointer domain, int flags);

    @Nullable
    Pointer virDomainDefineXML(ConnectionPointer connection, String xml);

    /** 1 or 0; -1 on error. */
    int virDomainIsActive(Pointer domain);

    /** Puts {@code metadata} in the place of the element of that namespace; null removes it. */
    int virDomainSetMetadata(Pointer domain, int type, @Nullable String metadata, String key, String uri, int flags);

    int virDomainFree(Pointer domain);

    @Nullable
    String virDomainGetName(Pointer domain);

    int virConnectIsAlive(ConnectionPointer connection);

    int virConnectSetKeepAlive(ConnectionPointer connection, int intervalSeconds, int count);

    int virConnectRegisterCloseCallback(
            ConnectionPointer connection, CloseCallback callback, Pointer opaque, @Nullable Pointer freeCallback);

    int virConnectUnregisterCloseCallback(ConnectionPointer connection, CloseCallback callback);

    int virConnectDomainEventRegisterAny(
            ConnectionPointer connection,
            @Nullable Pointer domain,
            int eventId,
            DomainEventCallback callback,
            Pointer opaque,
            @Nullable Pointer freeCallback);

    int virConnectDomainEventDeregisterAny(ConnectionPointer connection, int callbackId);

    /** {@code virConnectCloseFunc}. */
    interface CloseCallback extends Callback {
        void invoke(Pointer connection, int reason, Pointer opaque);
    }

    /** {@code virConnectDomainEventCallback}. */
    interface DomainEventCallback extends Callback {
        int invoke(Pointer connection, Pointer domain, int event, int detail, Pointer opaque);
    }

    int virGetLastErrorCode();

    String virGetLastErrorMessage();
}
