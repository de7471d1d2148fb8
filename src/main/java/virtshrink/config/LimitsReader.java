package virtshrink.config;

import java.util.OptionalLong;
import virtshrink.config.Section.BadValueException;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.SpaceReserve;

/** Reads {@code [limits]}. */
final class LimitsReader {
    private static final int MOST_DISKS = 64;
    /** Slower than this, a run would take longer than any night. */
    private static final long LEAST_RATE = 1 << 20;

    private static final double MOST_LOAD = 1000;
    private static final double MOST_PRESSURE = 100;

    private LimitsReader() {}

    static LimitSettings read(Section section) {
        LimitSettings standard = LimitSettings.STANDARD;
        LimitSettings settings = new LimitSettings(
                section.integer("disks", standard.disks(), 1, MOST_DISKS),
                section.integer("disks-per-device", standard.disksPerDevice(), 1, MOST_DISKS),
                section.text("io-rate", LimitsReader::rate)
                        .map(OptionalLong::of)
                        .orElse(OptionalLong.empty()),
                section.text("reserve", LimitsReader::reserve).orElse(standard.reserve()),
                section.decimal("max-load", 0, MOST_LOAD),
                section.decimal("max-io-pressure", 0, MOST_PRESSURE));
        section.refuseUnknownKeys();
        return settings;
    }

    private static long rate(String text) throws BadValueException {
        long bytes = Amounts.bytes(text);
        if (bytes < LEAST_RATE) {
            throw new BadValueException("it must be at least 1M");
        }
        return bytes;
    }

    private static SpaceReserve reserve(String text) throws BadValueException {
        // The same grammar: a size or a percentage.
        MinimumGain amount = Amounts.minimumGain(text);
        return text.endsWith("%") ? SpaceReserve.ofPercent(amount.percent()) : SpaceReserve.ofBytes(amount.bytes());
    }
}
