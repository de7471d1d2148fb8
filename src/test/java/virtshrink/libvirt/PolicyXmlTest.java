package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.RawDisks;

class PolicyXmlTest {
    private static final String OURS = "xmlns:v='urn:virt-shrink:policy:1.0'";
    private static final DomainPolicy FULL = new DomainPolicy(
            true,
            List.of("vdb", "sda"),
            Optional.of(new MinimumGain(3L << 29, 0)),
            Optional.of(Duration.ofDays(7)),
            Optional.of(Duration.ofHours(24)),
            Optional.of(new KeepOriginal.For(Duration.ofDays(14))),
            Optional.of(RawDisks.CONVERT));

    private static StatedPolicy read(String metadata) {
        return PolicyXml.read("<domain type='kvm'><name>web</name>" + metadata + "</domain>");
    }

    private static String reason(String metadata) {
        return assertInstanceOf(StatedPolicy.Unclear.class, read(metadata)).reason();
    }

    private static String reasonOfAttributes(String attributes) {
        return reason("<metadata><v:policy " + OURS + " " + attributes + "/></metadata>");
    }

    @Test
    void readsEverySetting() {
        assertEquals(
                new StatedPolicy.Clear(FULL),
                read(
                        "<metadata><other xmlns='urn:other' disabled='maybe'><policy/></other>\n<v:policy " + OURS
                                + " disabled='yes' exclude-disks='vdb,sda' min-reclaim='1.5G' min-days-since-shrink='7'"
                                + " min-hours-off='24' keep-original='14d' raw='convert'>\n <!-- why --> </v:policy></metadata>"));
    }

    @Test
    void readsWhatItWrites() {
        for (DomainPolicy policy : List.of(
                FULL,
                DomainPolicy.NONE,
                new DomainPolicy(
                        false,
                        List.of(),
                        Optional.of(new MinimumGain(0, 2.5)),
                        Optional.of(Duration.ZERO),
                        Optional.of(Duration.ZERO),
                        Optional.of(new KeepOriginal.UntilCleanStop()),
                        Optional.of(RawDisks.KEEP)))) {
            String written = PolicyXml.write(policy).replace("<policy", "<policy xmlns='" + PolicyXml.NAMESPACE + "'");
            assertEquals(new StatedPolicy.Clear(policy), read("<metadata>" + written + "</metadata>"), written);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "<metadata/>",
                "<metadata><policy/></metadata>",
                "<metadata><v:policy xmlns:v='urn:other' disabled='yes'/></metadata>",
                "<description>urn:virt-shrink:policy:1.0</description>",
                "<metadata><o:a xmlns:o='urn:other'><v:policy xmlns:v='urn:virt-shrink:policy:1.0' disabled='yes'/></o:a></metadata>",
                "<devices><v:policy xmlns:v='urn:virt-shrink:policy:1.0' disabled='yes'/></devices>",
                "<metadata><v:policy xmlns:v='urn:virt-shrink:policy:1.0'/></metadata>",
                "<metadata><v:policy xmlns:v='urn:virt-shrink:policy:1.0' disabled='no'/></metadata>",
                "<metadata><v:originals xmlns:v='urn:virt-shrink:originals:1.0'/></metadata>",
            })
    void noPolicyIsNone(String metadata) {
        assertEquals(new StatedPolicy.Clear(DomainPolicy.NONE), read(metadata));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "disable='yes'|there is no setting 'disable', only disabled, exclude-disks, min-reclaim,"
                        + " min-days-since-shrink, min-hours-off, keep-original, raw",
                "v:disabled='yes'|there is no setting 'v:disabled', only disabled, exclude-disks, min-reclaim,"
                        + " min-days-since-shrink, min-hours-off, keep-original, raw",
                "disabled=''|disabled is '': it must be yes or no",
                "disabled='true'|disabled is 'true': it must be yes or no",
                "disabled=' yes'|disabled is ' yes': it must be yes or no",
                "disabled='y&#10;&#x9b;2J'|disabled is 'y??2J': it must be yes or no",
                "exclude-disks=''|exclude-disks is '': it must be names of disks such as vda,vdb, each once",
                "exclude-disks='vda vdb'|exclude-disks is 'vda vdb': it must be names of disks such as vda,vdb, each once",
                "exclude-disks='vda,vda'|exclude-disks is 'vda,vda': it must be names of disks such as vda,vdb, each once",
                "min-reclaim='lots'|min-reclaim is 'lots': it must be a size such as 64M or 1.5G, or a percentage such as 5%",
                "min-reclaim='-1'|min-reclaim is '-1': it must be a size such as 64M or 1.5G, or a percentage such as 5%",
                "min-reclaim='8E'|min-reclaim is '8E': that is too large",
                "min-days-since-shrink='3651'|min-days-since-shrink is '3651': it must be a whole number from 0 to 3650",
                "min-days-since-shrink='1.5'|min-days-since-shrink is '1.5': it must be a whole number from 0 to 3650",
                "min-hours-off='99999999999999999999'|min-hours-off is '99999999999999999999': it must be a whole number from 0 to 87600",
                "min-hours-off='-1'|min-hours-off is '-1': it must be a whole number from 0 to 87600",
                "keep-original='3651d'|keep-original is '3651d': it must be no more than 3650d",
                "keep-original='0d'|keep-original is '0d': it must be no, until-clean-stop, or a time such as 36h or 14d",
                "keep-original='7'|keep-original is '7': it must be no, until-clean-stop, or a time such as 36h or 14d",
                "raw='qcow2'|raw is 'qcow2': it must be keep or convert",
            })
    void whatCannotBeFollowedIsNamed(String attributes, String reason) {
        assertEquals(reason, reasonOfAttributes(attributes));
    }

    @Test
    void longTextsAreCutInReasons() {
        String reason = reasonOfAttributes("raw='" + "x".repeat(100_000) + "'");
        assertEquals("raw is '" + "x".repeat(40) + "...': it is too long", reason);
        assertTrue(reasonOfAttributes("x".repeat(100_000) + "='1'").length() < 250);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "<v:policy xmlns:v='urn:virt-shrink:policy:2.0'/>|it is of the kind 'urn:virt-shrink:policy:2.0', and this virt-shrink"
                        + " knows urn:virt-shrink:policy:1.0",
                "<v:policy xmlns:v='urn:virt-shrink:policy'/>|it is of the kind 'urn:virt-shrink:policy', and this virt-shrink"
                        + " knows urn:virt-shrink:policy:1.0",
                "<v:policy xmlns:v='URN:virt-shrink:policy:1.0'/>|it is of the kind 'URN:virt-shrink:policy:1.0', and this virt-shrink"
                        + " knows urn:virt-shrink:policy:1.0",
                "<v:polizy xmlns:v='urn:virt-shrink:policy:1.0' disabled='yes'/>|its element is <v:polizy>, not <policy>",
                "<v:policy xmlns:v='urn:virt-shrink:policy:1.0'><disabled/></v:policy>|there is 'disabled' inside it, where nothing may be",
                "<v:policy xmlns:v='urn:virt-shrink:policy:1.0'>off</v:policy>|there is '#text' inside it, where nothing may be",
                "<policy xmlns='urn:virt-shrink:policy:1.0'/><v:policy xmlns:v='urn:virt-shrink:policy:1.0'/>|there are 2 of them",
            })
    void whatOnlyLooksLikeAPolicyIsNamed(String element, String reason) {
        assertEquals(reason, reason("<metadata>" + element + "</metadata>"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "no xml",
                "<domainsnapshot/>",
                "<domain><metadata></domain>",
                "<domain><metadata><v:policy disabled='yes'/></metadata></domain>",
                "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain>&a;</domain>",
            })
    void brokenXmlIsUnclear(String xml) {
        assertInstanceOf(StatedPolicy.Unclear.class, PolicyXml.read(xml));
    }

    @Test
    void damagedXmlIsAnsweredToo() {
        String whole = "<domain><metadata>"
                + PolicyXml.write(FULL).replace("<policy", "<policy xmlns='" + PolicyXml.NAMESPACE + "'")
                + "</metadata></domain>";
        for (long seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            StringBuilder damaged = new StringBuilder(whole);
            for (int i = random.nextInt(3); i >= 0; i--) {
                damaged.setCharAt(random.nextInt(damaged.length()), (char) random.nextInt(i == 0 ? 0x80 : 0x10000));
            }
            String xml = damaged.toString();
            StatedPolicy answer = assertDoesNotThrow(() -> PolicyXml.read(xml), "seed " + seed);
            if (answer instanceof StatedPolicy.Clear clear && !clear.policy().equals(DomainPolicy.NONE)) {
                assertDoesNotThrow(() -> DomainPolicy.of(clear.policy().settings()), "seed " + seed);
            }
        }
    }

    @Test
    void settingsOfAPolicyMakeItAgain() throws Exception {
        Map<String, String> settings = FULL.settings();
        assertEquals(
                List.of(
                        "disabled",
                        "exclude-disks",
                        "min-reclaim",
                        "min-days-since-shrink",
                        "min-hours-off",
                        "keep-original",
                        "raw"),
                List.copyOf(settings.keySet()));
        assertEquals(FULL, DomainPolicy.of(settings));
        assertEquals(Map.of(), DomainPolicy.NONE.settings());
    }

    @Test
    void aMinimumOfBothKindsHasNoPlaceInTheMetadata() {
        Optional<MinimumGain> both = Optional.of(new MinimumGain(1, 1));
        assertThrows(
                IllegalArgumentException.class,
                () -> new DomainPolicy(
                        false,
                        List.of(),
                        both,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty()));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "1, 1",
        "1024, 1K",
        "1536, 1536",
        "1610612736, 1536M",
        "1073741824, 1G",
        "7E, 7E",
        "9223372036854775807, 9223372036854775807",
        "2.5%, 2.5%",
        "0.000000001%, 0.000000001%",
        "100%, 100%"
    })
    void minimumGainsAreWrittenAsTheyAreRead(String given, String text) {
        assertEquals(text, MinimumGain.parse(given).text());
        assertEquals(MinimumGain.parse(given), MinimumGain.parse(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"no", "until-clean-stop", "1h", "36h", "14d", "3650d"})
    void keepOriginalIsWrittenAsItIsRead(String text) {
        assertEquals(text, KeepOriginal.parse(text).text());
    }
}
