package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On libvirt's own test driver, which lives in its client library and keeps one running domain called {@code test}. */
class HypervisorTest {
    @TempDir
    private Path directory;

    @BeforeAll
    static void needsTheClientLibrary() {
        assumeTrue(
                Stream.of("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib")
                        .anyMatch(place -> Files.exists(Path.of(place, "libvirt.so.0"))),
                "needs libvirt.so.0 (package libvirt0)");
    }

    @Test
    void listsTheDomains() throws Exception {
        try (Hypervisor hypervisor = Hypervisor.open("test:///default")) {
            List<DomainRecord> domains = hypervisor.domains();
            assertEquals(1, domains.size());
            DomainRecord domain = domains.get(0);
            assertEquals("test", domain.name());
            assertEquals(DomainState.RUNNING, domain.state());
            assertEquals(Optional.empty(), domain.shutoffReason());
            assertEquals(0, domain.snapshots());
            assertEquals(0, domain.checkpoints());
            assertFalse(domain.managedSave());
            assertTrue(domain.persistent());
            assertEquals(
                    Optional.of(Path.of("/guest/diskimage1")),
                    domain.disks().get(0).file());
        }
    }

    @Test
    void findsADomainByNameAndByUuid() throws Exception {
        try (Hypervisor hypervisor = Hypervisor.open("test:///default")) {
            DomainRecord named = hypervisor.domain("test").orElseThrow();
            assertEquals(Optional.of(named), hypervisor.domain(named.uuid().toString()));
            assertEquals(Optional.empty(), hypervisor.domain("nobody"));
            assertEquals(Optional.empty(), hypervisor.domain("00000000-1111-2222-3333-444444444444"));
        }
    }

    @Test
    void refusesTheRunningDomainAndSaysWhy() throws Exception {
        try (Hypervisor hypervisor = Hypervisor.open("test:///default")) {
            DomainVerdict verdict =
                    new Eligibility(hypervisor, directory).judge("test").orElseThrow();
            assertTrue(verdict.refusal().orElseThrow().contains("is running, not shut off"), verdict.toString());
            assertEquals(List.of(), verdict.requests());
            assertEquals(Optional.empty(), new Eligibility(hypervisor, directory).judge("nobody"));
        }
    }

    @Test
    void refreshesNoPoolForAFileInNone() throws Exception {
        try (Hypervisor hypervisor = Hypervisor.open("test:///default")) {
            assertEquals(List.of(), hypervisor.refreshPoolsHolding(Files.createFile(directory.resolve("a.qcow2"))));
        }
    }

    @Test
    void saysWhatToDoWhenNothingAnswers() {
        String uri = "qemu+unix:///system?socket=" + directory.resolve("no-socket");
        LibvirtUnavailableException failure =
                assertThrows(LibvirtUnavailableException.class, () -> Hypervisor.open(uri));
        assertTrue(
                failure.getMessage().contains(uri) && failure.getMessage().contains("systemctl"), failure.getMessage());
    }
}
