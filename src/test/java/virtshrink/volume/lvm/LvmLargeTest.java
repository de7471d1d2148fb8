package virtshrink.volume.lvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import virtshrink.block.BlockSource;

/** Volume groups larger than anybody has, and texts made to be expensive: what is done about them stays small. */
class LvmLargeTest {
    private static final String UUID = "PVPVPVPVPVPVPVPVPVPVPVPVPVPVPVPV";
    private static final String UUID_TEXT = "PVPVPV-PVPV-PVPV-PVPV-PVPV-PVPV-PVPVPV";
    private static final int MOST_TEXT = 4 << 20;
    private static final int AREA_BYTES = (8 << 20) - 4096;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static String group(String name, long extents, String logicalVolumes) {
        return """
                %s {
                id = "VGVGVG-VGVG-VGVG-VGVG-VGVG-VGVG-VGVGVG"
                seqno = 7
                status = ["RESIZEABLE", "READ", "WRITE"]
                extent_size = 8192
                physical_volumes { pv0 { id = "%s" status = ["ALLOCATABLE"] pe_start = 16384 pe_count = %d } }
                logical_volumes { %s }
                }
                contents = "Text Format Volume Group"
                version = 1
                """.formatted(name, UUID_TEXT, extents, logicalVolumes);
    }

    /** As many as fit into a text. */
    private static String many(int most, IntFunction<String> one) {
        StringBuilder all = new StringBuilder();
        for (int number = 0; number < most; number++) {
            String next = one.apply(number);
            if (all.length() + next.length() > MOST_TEXT - 4096) {
                break;
            }
            all.append(next);
        }
        return all.toString();
    }

    private static HandMadeMember member(long extents, String logicalVolumes) {
        return new HandMadeMember(UUID, (extents + 2) << 22, AREA_BYTES, group("vg", extents, logicalVolumes));
    }

    private static LvmLayout read(HandMadeMember member) {
        return assertTimeout(PATIENCE, () -> LvmVolumes.read(List.of(member)));
    }

    @Test
    void twoThousandVolumesOnSixtyFourTebibytesAreReadInFiveRequests() throws IOException {
        long extents = 1L << 24;
        HandMadeMember member = member(
                extents,
                many(
                        2000,
                        number -> LvmText.visible(
                                "v" + number,
                                LvmText.linear(0, 100, "pv0", number * 300L),
                                LvmText.linear(100, 50, "pv0", number * 300L + 150))));
        LvmLayout layout = read(member);
        assertEquals(Optional.empty(), layout.physicalVolumes().get(0).leftAlone());
        assertEquals(2000, layout.logicalVolumes().size());
        assertEquals(
                (extents - 2000 * 150) << 22,
                layout.physicalVolumes().get(0).free().totalBytes());
        assertTrue(member.requests() <= 5, () -> member.requests() + " requests");
    }

    @Test
    void moreVolumesThanThatAreLeftAlone() {
        LvmLayout layout = read(member(
                1 << 20, many(2500, number -> LvmText.visible("v" + number, LvmText.linear(0, 1, "pv0", number)))));
        assertEquals(
                "more than 2048 logical volumes",
                layout.physicalVolumes().get(0).leftAlone().orElseThrow().reason());
    }

    @Test
    void aTextOfNothingButListsIsBounded() {
        LvmLayout layout = read(member(1, "a = [" + many(3_000_000, number -> "1,") + "]"));
        assertTrue(layout.physicalVolumes()
                .get(0)
                .leftAlone()
                .orElseThrow()
                .reason()
                .contains("names and values"));
    }

    @Test
    void volumesBuiltOnOneAnotherAreBounded() {
        LvmLayout chain = read(member(
                10,
                many(
                        2000,
                        number -> LvmText.visible(
                                "v" + number,
                                LvmText.segment(0, 1, "thin", "origin = \"v%d\"".formatted(number + 1))))));
        assertEquals(2000, chain.logicalVolumes().size());
        String names = many(1900, number -> "\"v%d\",".formatted(number));
        LvmLayout web = read(member(
                10,
                many(
                        2000,
                        number -> LvmText.visible(
                                "v" + number,
                                LvmText.segment(
                                        0, 1, "thin", "below = [%s]".formatted(number % 9 == 0 ? names : ""))))));
        assertTrue(web.logicalVolumes().stream()
                .allMatch(volume -> volume.leftAlone().isPresent()));
    }

    @Test
    void manyTextsOfNothingButNamesAreBoundedTogether() {
        // Two megabytes each, and ten times that while they are held.
        List<BlockSource> members = new ArrayList<>();
        for (int number = 0; number < 6; number++) {
            String mark = "vg" + number;
            String volumes = many(
                    150,
                    volume -> LvmText.visible(
                            "v" + volume,
                            LvmText.segment(
                                    0,
                                    1,
                                    "thin",
                                    "below = [%s]".formatted(many(1900, name -> "\"%x\",".formatted(name))))));
            members.add(new HandMadeMember(
                    UUID.replaceFirst("P", String.valueOf(number)),
                    1 << 30,
                    AREA_BYTES,
                    group(mark, 10, volumes)
                            .replace("VGVGVG-", "VGVGV%d-".formatted(number))
                            .replace("PVPVPV-PVPV-", "%dVPVPV-PVPV-".formatted(number))));
        }
        LvmLayout layout = assertTimeout(PATIENCE, () -> LvmVolumes.read(members));
        List<Optional<String>> reasons = layout.physicalVolumes().stream()
                .map(volume -> volume.leftAlone().map(LeftAlone::reason))
                .toList();
        assertEquals(Optional.empty(), reasons.get(0));
        assertEquals(Optional.of("more volume group metadata than is looked at"), reasons.get(5));
    }

    @Test
    void aVolumeOfMoreBytesThanANumberHoldsIsCorrupt() {
        LvmLayout layout = read(member(
                10,
                LvmText.visible(
                        "v",
                        LvmText.segment(0, 4294967295L, "error"),
                        LvmText.segment(4294967295L, 4294967295L, "error"))));
        assertEquals(Optional.empty(), layout.physicalVolumes().get(0).leftAlone());
        LvmLayout larger = read(new HandMadeMember(
                UUID,
                1 << 30,
                AREA_BYTES,
                group("vg", 10, LvmText.visible("v", LvmText.segment(0, 4294967295L, "error")))
                        .replace("extent_size = 8192", "extent_size = 4294967295")
                        .replace("pe_count = 10", "pe_count = 0")));
        assertTrue(larger.physicalVolumes()
                .get(0)
                .leftAlone()
                .orElseThrow()
                .reason()
                .contains("4294967295 extents"));
    }
}
