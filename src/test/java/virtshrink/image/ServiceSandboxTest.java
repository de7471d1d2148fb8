package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ServiceSandboxTest {
    @Test
    void insideAServiceTheSettingIsNamedThatOpensTheDirectory() {
        assertEquals(
                Optional.of(
                        "the service virt-shrinkd may not write to /srv/vm: if it is to shrink images there, name the directory with"
                                + " \"systemctl edit virt-shrinkd\", as [Service] and ReadWritePaths=/srv/vm, and restart the service"),
                new ServiceSandbox(Optional.of("virt-shrinkd")).whyReadOnly(Path.of("/srv/vm")));
    }

    @Test
    void outsideOfAServiceAReadOnlyDirectoryIsJustThat() {
        assertEquals(Optional.empty(), new ServiceSandbox(Optional.empty()).whyReadOnly(Path.of("/srv/vm")));
    }
}
