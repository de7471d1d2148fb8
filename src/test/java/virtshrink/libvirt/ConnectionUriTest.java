package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionUriTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "qemu:///system",
                "qemu:///session",
                "qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
                "qemu:///embed?root=/srv/vm",
                "test:///default"
            })
    void takesConnectionsOfThisHost(String uri) throws Exception {
        assertEquals(uri, ConnectionUri.parse(uri).text());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "qemu+ssh://root@host/system",
                "qemu+ssh:///system",
                "qemu+libssh2://host/system",
                "qemu+tls://host/system",
                "qemu+tcp://127.0.0.1/system",
                "qemu+ext:///system?command=/bin/x",
                "qemu://host/system"
            })
    void refusesConnectionsThatMayLeadToAnotherHost(String uri) {
        String message = assertThrows(LibvirtUnavailableException.class, () -> ConnectionUri.parse(uri))
                .getMessage();
        assertTrue(message.contains(uri) && message.contains("another host"), message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "system", "qemu:system", "xen:///system", "lxc:///", "esx://host/", "qemu:///sys tem"})
    void refusesWhatIsNoConnectionToQemu(String uri) {
        assertThrows(LibvirtUnavailableException.class, () -> ConnectionUri.parse(uri));
    }

    @Test
    void knowsWhereEachDriverLogs() throws Exception {
        Map<String, String> environment = Map.of("HOME", "/home/u");
        assertEquals(
                Path.of("/var/log/libvirt/qemu"),
                ConnectionUri.parse("qemu:///system").domainLogDirectory(environment));
        assertEquals(
                Path.of("/home/u/.cache/libvirt/qemu/log"),
                ConnectionUri.parse("qemu:///session").domainLogDirectory(environment));
        assertEquals(
                Path.of("/c/libvirt/qemu/log"),
                ConnectionUri.parse("qemu:///session").domainLogDirectory(Map.of("XDG_CACHE_HOME", "/c")));
        assertEquals(
                Path.of("/srv/vm/log/qemu"),
                ConnectionUri.parse("qemu:///embed?root=/srv/vm").domainLogDirectory(environment));
    }
}
