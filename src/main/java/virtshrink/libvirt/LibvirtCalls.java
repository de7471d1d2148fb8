package virtshrink.libvirt;

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

    /** {@code VIR_UUID_STRING_BUFLEN}. */
    int UUID_BUFFER_BYTES = 37;

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

    int virDomainFree(Pointer domain);

    int virGetLastErrorCode();

    String virGetLastErrorMessage();
}
