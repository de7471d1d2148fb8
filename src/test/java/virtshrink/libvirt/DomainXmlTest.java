package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.libvirt.DomainDisk.Mark;
import virtshrink.libvirt.SafeXml.MalformedXmlException;

class DomainXmlTest {
    static final UUID ID = UUID.fromString("d8720c38-8f93-4186-8dfa-885376947c1d");

    static String domain(String... disks) {
        return "<domain type='kvm' id='3'><name>web &amp; mail</name><uuid>" + ID + "</uuid><title> shop </title>"
                + "<metadata><x:disk xmlns:x='urn:x'/></metadata><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
                + String.join("", disks) + "</devices></domain>";
    }

    private static DomainDisk disk(String xml) throws MalformedXmlException {
        return DomainXml.parse(domain(xml)).disks().get(0);
    }

    @Test
    void readsAnOrdinaryDisk() throws Exception {
        DomainXml parsed = DomainXml.parse(domain("""
                        <disk type='file' device='disk'>
                          <driver name='qemu' type='qcow2' discard='unmap'/>
                          <source file='/var/lib/libvirt/images/web.qcow2' index='1'/>
                          <target dev='vda' bus='virtio'/>
                          <alias name='virtio-disk0'/>
                          <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
                        </disk>"""));
        assertEquals("web & mail", parsed.name());
        assertEquals(ID, parsed.uuid());
        assertEquals(Optional.of("shop"), parsed.title());
        DomainDisk disk = parsed.disks().get(0);
        assertEquals("vda", disk.target());
        assertEquals("disk", disk.device());
        assertEquals(Optional.of(Path.of("/var/lib/libvirt/images/web.qcow2")), disk.file());
        assertEquals(Optional.of("qcow2"), disk.driverType());
        assertEquals(List.of(), disk.special());
        assertEquals(Optional.empty(), disk.blockJob());
        assertEquals(512, disk.logicalBlockBytes());
        assertEquals(new StatedBacking.Unstated(), disk.backing());
    }

    @Test
    void takesAMissingFormatForRawAsLibvirtDoes() throws Exception {
        DomainDisk disk = disk("<disk><source file='/a'/><target dev='sda'/></disk>");
        assertEquals(Optional.empty(), disk.driverType());
        assertEquals("raw", disk.formatName());
        assertEquals("disk", disk.device());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    SHAREABLE  | <shareable/>
                    READONLY   | <readonly/>
                    TRANSIENT  | <transient shareBacking='yes'/>
                    ENCRYPTED  | <encryption format='luks'><secret type='passphrase' uuid='x'/></encryption>
                    ENCRYPTED  | <source file='/a'><encryption format='luks'/></source>
                    SLICES     | <source file='/a'><slices><slice type='storage' offset='1' size='2'/></slices></source>
                    DATA_STORE | <source file='/a'><dataStore type='file'><source file='/b'/></dataStore></source>
                    """)
    void seesEveryMark(Mark mark, String element) throws Exception {
        assertEquals(
                List.of(mark),
                disk("<disk type='file'>" + element + "<target dev='vda'/></disk>")
                        .special());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    block     | <source dev='/dev/vg/lv'/>                            | /dev/vg/lv
                    network   | <source protocol='rbd' name='pool/image'/>            | rbd
                    nvme      | <source type='pci' managed='yes' namespace='1'/>      | pci
                    vhostuser | <source type='unix' path='/tmp/vhost.sock'/>          | /tmp/vhost.sock
                    vhostvdpa | <source dev='/dev/vhost-vdpa-0'/>                     | /dev/vhost-vdpa-0
                    dir       | <source dir='/srv/floppy'/>                           | /srv/floppy
                    future    | <source thing='x'/>                                   | ''
                    """)
    void namesSourcesThatAreNoFiles(String type, String source, String detail) throws Exception {
        DomainDisk disk = disk("<disk type='" + type + "'>" + source + "<target dev='vda'/></disk>");
        assertEquals(new DiskSource.NoFile(type, detail), disk.source());
        assertEquals(Optional.empty(), disk.file());
    }

    @Test
    void readsVolumesAndEmptyDrives() throws Exception {
        assertEquals(
                new DiskSource.PoolVolume("default", "web.qcow2"),
                disk("<disk type='volume'><source pool='default' volume='web.qcow2'/><target dev='vda'/></disk>")
                        .source());
        assertEquals(
                new DiskSource.Empty(),
                disk("<disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>")
                        .source());
        assertEquals(
                new DiskSource.Empty(),
                disk("<disk type='block' device='cdrom'><target dev='sda'/></disk>")
                        .source());
    }

    @Test
    void refusesARelativePath() throws Exception {
        DomainDisk disk = disk("<disk type='file'><source file='web.qcow2'/><target dev='vda'/></disk>");
        assertTrue(disk.source() instanceof DiskSource.BadPath);
        assertEquals(Optional.empty(), disk.file());
    }

    @Test
    void readsBlockJobsWithTheirFile() throws Exception {
        DomainDisk disk = disk("""
                <disk type='file' device='disk'>
                  <source file='/a.qcow2'/>
                  <mirror type='file' job='copy' ready='yes'><format type='qcow2'/><source file='/b.qcow2'/></mirror>
                  <target dev='vda'/>
                </disk>""");
        assertEquals(Optional.of("copy"), disk.blockJob());
        assertEquals(List.of(Path.of("/b.qcow2")), disk.furtherFiles());
    }

    @ParameterizedTest
    @CsvSource({"4096,4096", "512,512", "0,0", "-1,0", "99999999999999999999,0", "x,0"})
    void readsTheSectorSize(String text, long bytes) throws Exception {
        assertEquals(
                bytes,
                disk("<disk><source file='/a'/><blockio logical_block_size='" + text + "'/><target dev='vda'/></disk>")
                        .logicalBlockBytes());
    }

    @Test
    void readsStatedBackingFiles() throws Exception {
        assertEquals(
                new StatedBacking.Chain(List.of(), true, true),
                disk("<disk><source file='/a'/><backingStore/><target dev='vda'/></disk>")
                        .backing());
        String below = """
                <backingStore type='file'><format type='qcow2'/><source file='/b'/>
                  <backingStore type='file'><format type='raw'/><source file='/c'/>%s</backingStore>
                </backingStore>""";
        assertEquals(
                new StatedBacking.Chain(List.of(Path.of("/b"), Path.of("/c")), true, true),
                disk("<disk><source file='/a'/>" + below.formatted("<backingStore/>") + "<target dev='vda'/></disk>")
                        .backing());
        assertEquals(
                new StatedBacking.Chain(List.of(Path.of("/b"), Path.of("/c")), false, true),
                disk("<disk><source file='/a'/>" + below.formatted("") + "<target dev='vda'/></disk>")
                        .backing());
        assertEquals(
                new StatedBacking.Chain(List.of(), false, false),
                disk("<disk><source file='/a'/><backingStore type='network'><format type='raw'/><source protocol='nbd'/></backingStore>"
                                + "<target dev='vda'/></disk>")
                        .backing());
    }

    @Test
    void findsTheFilesOfSnapshots() throws Exception {
        List<DomainDisk> disks = DomainXml.parseSnapshotDisks("""
                <domainsnapshot>
                  <name>s1</name><state>shutoff</state>
                  <disks>
                    <disk name='vda' snapshot='external' type='file'>
                      <driver type='qcow2'/><source file='/images/web.s1'/>
                    </disk>
                    <disk name='vdb' snapshot='no'/>
                  </disks>
                  <domain type='kvm'><name>web</name><devices>
                    <disk type='file'><source file='/images/web.qcow2'/><target dev='vda'/></disk>
                  </devices></domain>
                  <inactiveDomain type='kvm'><name>web</name><devices>
                    <disk type='file'><source file='/images/web2.qcow2'/><target dev='vda'/></disk>
                  </devices></inactiveDomain>
                </domainsnapshot>""");
        assertEquals(
                List.of("/images/web.qcow2", "/images/web2.qcow2", "/images/web.s1"),
                disks.stream().map(disk -> disk.file().orElseThrow().toString()).toList());
    }

    @Test
    void refusesDocumentTypesAndWithThemEntities() {
        String xml = "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>" + domain();
        assertThrows(MalformedXmlException.class, () -> DomainXml.parse(xml));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    <domain>
                    <network><name>x</name></network>
                    <domain><uuid>d8720c38-8f93-4186-8dfa-885376947c1d</uuid></domain>
                    <domain><name>x</name><uuid>1-2</uuid></domain>
                    text
                    """)
    void refusesWhatIsNoDomain(String xml) {
        assertThrows(MalformedXmlException.class, () -> DomainXml.parse(xml));
    }

    @Test
    void boundsTheDepthOfStatedBackingFiles() throws Exception {
        int depth = 2000;
        String deep = "<backingStore type='file'><source file='/b'/>".repeat(depth) + "</backingStore>".repeat(depth);
        StatedBacking backing = disk("<disk><source file='/a'/>" + deep + "<target dev='vda'/></disk>")
                .backing();
        assertTrue(backing instanceof StatedBacking.Chain chain && chain.files().size() == 256 && !chain.ended());
    }
}
