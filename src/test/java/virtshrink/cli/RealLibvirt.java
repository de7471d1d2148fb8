package virtshrink.cli;

import static org.junit.jupiter.api.Assumptions.abort;

import virtshrink.libvirt.LibvirtUnavailableException;

/** libvirt's own test driver, which lives in its client library and needs no daemon. */
final class RealLibvirt {
    private RealLibvirt() {}

    static void assume() {
        try {
            new LibvirtDomains("test:///default").close();
        } catch (LibvirtUnavailableException e) {
            abort("libvirt's client library is missing (package libvirt0): " + e.getMessage());
        }
    }

    static Session session(Screen screen) {
        return new Session(new ProductionCollaborators(), screen, new StopSignal(), System::nanoTime);
    }
}
