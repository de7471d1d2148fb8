package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.libvirt.PrivateLibvirtd;

/** {@code virt-shrink policy} on real domains of a real libvirtd. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class PolicyOfDomainsTest {
    private static final String OTHERS =
            "<note:entry xmlns:note=\"urn:example:notes\" owner=\"web team\">keep &amp; care</note:entry>";

    @TempDir
    static Path directory;

    private DomainHost host;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private String disk(String name) throws IOException {
        Path image = host.images.resolve(name + ".qcow2");
        PrivateLibvirtd.run(List.of("qemu-img", "create", "-q", "-f", "qcow2", image.toString(), "16M"));
        return fileDisk("vda", image, "qcow2");
    }

    private void define(String name, String metadata) throws IOException {
        Path xml = Files.writeString(directory.resolve(name + ".xml"), withMetadata(name, metadata, disk(name)));
        host.libvirtd.virsh("define", xml.toString());
    }

    private static String withMetadata(String name, String metadata, String disk) {
        return PrivateLibvirtd.domainXml(name, disk).replace("</name>", "</name><metadata>" + metadata + "</metadata>");
    }

    private static Map<?, ?> policy(Cli.Result result) throws IOException {
        assertEquals(0, result.status(), result::toString);
        return (Map<?, ?>) result.json().get("policy");
    }

    @Test
    void isKeptThroughDumpAndDefine() throws Exception {
        define("traveller", OTHERS);
        Cli.Result set = host.run(
                "policy",
                "traveller",
                "--disable",
                "--exclude-disks",
                "vda",
                "--min-reclaim",
                "1.5G",
                "--raw",
                "convert",
                "--min-days-since-shrink",
                "7",
                "--min-hours-off",
                "24",
                "--keep-original",
                "until-clean-stop",
                "--json");
        Map<?, ?> before = policy(set);
        assertEquals(
                "{disabled=true, excludeDisks=[vda], minReclaim=1536M, minDaysSinceShrink=7, minHoursOff=24,"
                        + " keepOriginal=until-clean-stop, raw=convert}",
                before.toString());

        String xml = host.libvirtd.virsh("dumpxml", "traveller");
        assertTrue(xml.contains(OTHERS), xml);
        assertTrue(
                xml.contains("<virt-shrink:policy xmlns:virt-shrink=\"urn:virt-shrink:policy:1.0\" disabled=\"yes\""),
                xml);
        host.libvirtd.virsh("undefine", "traveller");
        assertEquals(1, host.run("policy", "traveller").status());
        host.libvirtd.virsh(
                "define", Files.writeString(directory.resolve("t.xml"), xml).toString());

        assertEquals(before, policy(host.run("policy", "traveller", "--json")));
        assertTrue(host.libvirtd.virsh("dumpxml", "traveller").contains(OTHERS));
    }

    @Test
    void changesOnlyWhatIsNamedAndKeepsTheMetadataOfOthers() throws Exception {
        define("changing", OTHERS);
        host.run("policy", "changing", "--disable", "--min-reclaim", "5%");
        Map<?, ?> changed = policy(host.run("policy", "changing", "--enable", "--min-hours-off", "48", "--json"));
        assertEquals(false, changed.get("disabled"));
        assertEquals("5%", changed.get("minReclaim"));
        assertEquals(48, changed.get("minHoursOff"));
        assertNull(policy(host.run("policy", "changing", "--unset", "min-reclaim", "--json"))
                .get("minReclaim"));

        Map<?, ?> cleared = policy(host.run("policy", "changing", "--clear", "--json"));
        assertEquals(
                "{disabled=false, excludeDisks=[], minReclaim=null, minDaysSinceShrink=null, minHoursOff=null,"
                        + " keepOriginal=null, raw=null}",
                cleared.toString());
        assertEquals(
                cleared, policy(host.run("policy", "changing", "--clear", "--json")), "nothing to clear is fine too");
        String xml = host.libvirtd.virsh("dumpxml", "changing");
        assertFalse(xml.contains("urn:virt-shrink"), xml);
        assertTrue(xml.contains(OTHERS), xml);
    }

    @Test
    void aRunningDomainHasItNowAndAtItsNextStart() throws Exception {
        define("busy", OTHERS);
        host.libvirtd.virsh("start", "busy");
        assertEquals(
                true, policy(host.run("policy", "busy", "--disable", "--json")).get("disabled"));
        for (List<String> which : List.of(List.of("dumpxml", "busy"), List.of("dumpxml", "--inactive", "busy"))) {
            String xml = host.libvirtd.virsh(which.toArray(String[]::new));
            assertTrue(xml.contains("disabled=\"yes\"") && xml.contains(OTHERS), xml);
        }
        host.libvirtd.virsh("destroy", "busy");
        assertEquals(true, policy(host.run("policy", "busy", "--json")).get("disabled"));
    }

    @Test
    void aTransientDomainIsRefused() throws Exception {
        Path xml =
                Files.writeString(directory.resolve("transient.xml"), withMetadata("passing", OTHERS, disk("passing")));
        host.libvirtd.virsh("create", xml.toString());
        Cli.Result refused = host.run("policy", "passing", "--disable", "--json");
        assertEquals(3, refused.status(), refused::toString);
        assertEquals("refused", refused.json().get("outcome"));
        assertTrue(refused.err().contains("the domain passing is transient"), refused.err());
        assertFalse(host.libvirtd.virsh("dumpxml", "passing").contains("urn:virt-shrink"));
        assertEquals(0, host.run("policy", "passing").status());
        host.libvirtd.virsh("destroy", "passing");
    }

    @Test
    void onePutThereByHandAndNotUnderstoodIsNamedAndReplacedOnlyWhenTold() throws Exception {
        define("edited", OTHERS);
        host.libvirtd.virsh(
                "metadata",
                "edited",
                "urn:virt-shrink:policy:1.0",
                "--key",
                "v",
                "--set",
                "<policy disbled='yes'/>",
                "--config");
        Cli.Result shown = host.run("policy", "edited", "--json");
        assertEquals(3, shown.status(), shown::toString);
        assertNull(shown.json().get("policy"));
        assertTrue(shown.json().get("policyReason").toString().startsWith("there is no setting 'disbled'"));
        assertTrue(shown.err().contains("the daemon leaves the domain alone"), shown.err());

        Cli.Result changed = host.run("policy", "edited", "--min-hours-off", "1");
        assertEquals(3, changed.status(), changed::toString);
        assertTrue(host.libvirtd.virsh("dumpxml", "edited").contains("disbled"));

        Map<?, ?> replaced = policy(host.run("policy", "edited", "--clear", "--min-hours-off", "1", "--json"));
        assertEquals(1, replaced.get("minHoursOff"));
        assertTrue(host.libvirtd.virsh("dumpxml", "edited").contains(OTHERS));
    }

    @Test
    void libvirtsTestDriverTakesItToo() throws Exception {
        TestScreen screen = new TestScreen(false);
        int status = Program.run(
                RealLibvirt.session(screen), "policy", "test", "--disable", "-c", "test:///default", "--json");
        assertEquals(0, status, screen.errText());
        assertTrue(screen.outText().contains("\"disabled\":true"), screen.outText());
    }
}
