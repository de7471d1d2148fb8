package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImagePlace;

class DiskEditTest {
    private static final ImagePlace RAW = new ImagePlace(Path.of("/no/such/a.img"), ImageFormat.RAW);
    private static final ImagePlace COPY = new ImagePlace(Path.of("/no/such/a & 'b\".qcow2"), ImageFormat.QCOW2);

    private static String domain(String disks) {
        return "<domain type=\"kvm\"><name>é\uD83D\uDDA5</name>\n  <metadata><x:y xmlns:x=\"urn:x\" x:w=\"\uD83D\uDDA5é\" x:z=\"1&#10;2\">&lt;t&gt;</x:y></metadata>"
                + "<devices>" + disks + "</devices></domain>";
    }

    private static String disk(String type, String driver, String source, String target) {
        return "<disk device=\"disk\" type=\"" + type + "\">" + driver + source + "<target dev=\"" + target
                + "\"/></disk>";
    }

    private static String edited(String xml) throws Exception {
        return new DiskEdit("vda", RAW, COPY).apply(xml);
    }

    @Test
    void changesTheOneDiskAndNothingElse() throws Exception {
        String other = disk("file", "<driver type=\"raw\"/>", "<source file=\"/no/such/a.img\"/>", "vdb");
        String before =
                disk("file", "<driver cache=\"none\" type=\"raw\"/>", "<source file=\"/no/such/a.img\"/>", "vda");
        String after = disk(
                "file",
                "<driver cache=\"none\" type=\"qcow2\"/>",
                "<source file=\"/no/such/a &amp; 'b&quot;.qcow2\"/>",
                "vda");
        // How a character is spelled means nothing.
        assertEquals(domain(other + after), edited(domain(other + before)).replace("&#128421;", "\uD83D\uDDA5"));
    }

    @Test
    void diskWithoutADriverIsRawAndGetsOne() throws Exception {
        String xml = edited(domain(disk("file", "", "<source file=\"/no/such/a.img\"/>", "vda")));
        assertTrue(xml.contains("<driver name=\"qemu\" type=\"qcow2\"/><source"), xml);
    }

    @Test
    void backingStoreOfTheOtherImageGoes() throws Exception {
        String xml = edited(domain(
                disk("file", "<driver type=\"raw\"/>", "<source file=\"/no/such/a.img\"/><backingStore/>", "vda")));
        assertTrue(!xml.contains("backingStore"), xml);
    }

    @ParameterizedTest
    @CsvSource({
        "file,raw,/no/such/other.img,vda,is no longer the raw image",
        "file,qcow2,/no/such/a.img,vda,is no longer the raw image",
        "file,raw,relative.img,vda,is no longer the raw image",
        "volume,raw,/no/such/a.img,vda,is defined as a volume",
        "file,raw,/no/such/a.img,vdb,has 0 disks vda"
    })
    void refusesADiskThatIsNotTheOneExpected(String type, String format, String file, String target, String reason) {
        String xml = domain(disk(type, "<driver type=\"" + format + "\"/>", "<source file=\"" + file + "\"/>", target));
        RedefinitionRefusedException refused = assertThrows(RedefinitionRefusedException.class, () -> edited(xml));
        assertTrue(String.valueOf(refused.getMessage()).contains(reason), refused::getMessage);
    }
}
