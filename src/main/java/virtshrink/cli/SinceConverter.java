package virtshrink.cli;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a moment of the past: a date, whose day begins in the host's time zone, or hours or days before now. */
final class SinceConverter implements ITypeConverter<Instant> {
    private static final Pattern AGO = Pattern.compile("(\\d{1,5})([hd])");

    @Override
    public Instant convert(String value) {
        Matcher ago = AGO.matcher(value);
        if (ago.matches()) {
            long count = Long.parseLong(ago.group(1));
            return Instant.now().minus(ago.group(2).equals("h") ? Duration.ofHours(count) : Duration.ofDays(count));
        }
        try {
            return LocalDate.parse(value).atStartOfDay(ZoneId.systemDefault()).toInstant();
        } catch (DateTimeException e) {
            throw new TypeConversionException(
                    "'" + value + "' is no date such as 2026-11-22 and no time back such as 12h or 7d");
        }
    }
}
