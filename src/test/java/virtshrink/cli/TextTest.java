package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.SizeText;

class TextTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1536, 1.5 KiB",
        "1048524, 1023.9 KiB",
        "1048525, 1.0 MiB",
        "-1536, -1.5 KiB",
        "10995116277760, 10.0 TiB",
        "9223372036854775807, 8.0 EiB",
        "-9223372036854775808, -8.0 EiB"
    })
    void bytesHaveOneDecimalAndAnIecUnit(long bytes, String text) {
        assertEquals(text, ByteText.of(bytes));
    }

    @Test
    void percentOfNothingIsNotSaid() {
        assertEquals("86.9 %", ByteText.percent(869, 1000));
        assertEquals("", ByteText.percent(0, 0));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 ms",
        "999, 999 ms",
        "1000, 1.0 s",
        "59949, 59.9 s",
        "59950, 1 min 00 s",
        "125000, 2 min 05 s",
        "3600000, 1 h 00 min",
        "93784000, 26 h 03 min"
    })
    void timeSpentIsReadable(long millis, String text) {
        assertEquals(text, TimeText.spent(Duration.ofMillis(millis)));
    }

    @ParameterizedTest
    @CsvSource({"0, 0:00", "7, 0:07", "750, 12:30", "3723, 1:02:03"})
    void timeLeftIsAClock(long seconds, String text) {
        assertEquals(text, TimeText.left(seconds));
    }

    @Test
    void controlCharactersOfAGuestNeverReachTheTerminal() {
        assertEquals("?[2J?]0;owned?", SafeText.of("\u001b[2J\u009d0;owned\u0007".replace("\u009d", "\u009d]")));
        assertEquals("a?b?c?d", SafeText.of("a\nb\rc\td"));
        assertEquals("?gnp.exe", SafeText.of("\u202egnp.exe"));
        assertEquals("a?b?", SafeText.of("a\u200bb\ud800"));
        assertEquals("Daten Größe 磁盘 🐧", SafeText.of("Daten Größe 磁盘 🐧"));
    }

    @Test
    void longLabelsAreCut() {
        assertEquals("abcd…", SafeText.of("abcdefgh", 5, Glyphs.UNICODE));
        assertEquals("ab...", SafeText.of("abcdefgh", 5, Glyphs.ASCII));
        assertEquals("磁…", SafeText.of("磁盘磁盘", 4, Glyphs.UNICODE));
        assertEquals("abcde", SafeText.of("abcde", 5, Glyphs.ASCII));
    }

    @Test
    void widthCountsColumnsAndNotCharacters() {
        assertEquals(4, TextWidth.columns("磁盘"));
        assertEquals(1, TextWidth.columns("e\u0301"));
        assertEquals(2, TextWidth.columns("🐧"));
        assertEquals("磁盘  ", TextWidth.padRight("磁盘", 6));
        assertEquals("  磁盘", TextWidth.padLeft("磁盘", 6));
    }

    @Test
    void tableAlignsWordsAndFigures() {
        Table table = Table.of(Table.left("NAME"), Table.right("SIZE"), Table.left("NOTE"));
        table.row("a", "1", "").row("磁盘", "1000", "large");

        assertEquals(
                List.of(
                        " NAME  SIZE  NOTE", //
                        " ─────────────────",
                        " a        1",
                        " 磁盘  1000  large"),
                table.lines(" ", new Style(Glyphs.UNICODE, false)));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "4096, 4096",
        "512B, 512",
        "10M, 10485760",
        "10m, 10485760",
        "10MiB, 10485760",
        "1.5G, 1610612736",
        "1.5k, 1536",
        "0.3k, 307",
        "2T, 2199023255552",
        "7E, 8070450532247928832",
        "9223372036854775807, 9223372036854775807"
    })
    void sizesAreReadInPowersOf1024(String text, long bytes) {
        assertEquals(bytes, SizeText.bytes(text));
        assertEquals(new MinimumGain(bytes, 0), new MinimumGainConverter().convert(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "-1",
                "+1",
                "M",
                "1.",
                ".5G",
                "1,5G",
                "10MB",
                "10X",
                "1e3",
                "8E",
                "9223372036854775808",
                "99999999999999999999",
                "10 M",
                "１０M",
                "5%%",
                "101%",
                "-5%",
                "1000%",
                "nan%",
                "%"
            })
    void whatIsNoSizeIsRefused(String text) {
        assertThrows(TypeConversionException.class, () -> new MinimumGainConverter().convert(text));
    }

    @ParameterizedTest
    @CsvSource({"5%, 5", "0%, 0", "100%, 100", "2.5%, 2.5", "5 %, 5"})
    void percentsAreReadToo(String text, double percent) {
        assertEquals(new MinimumGain(0, percent), new MinimumGainConverter().convert(text));
    }
}
