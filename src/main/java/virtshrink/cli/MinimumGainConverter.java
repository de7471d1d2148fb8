package virtshrink.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;
import virtshrink.shrink.MinimumGain;

/** Reads {@code SIZE} or {@code PERCENT}. */
final class MinimumGainConverter implements ITypeConverter<MinimumGain> {
    @Override
    public MinimumGain convert(String value) {
        try {
            return MinimumGain.parse(value);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException("'" + value + "': " + e.getMessage());
        }
    }
}
