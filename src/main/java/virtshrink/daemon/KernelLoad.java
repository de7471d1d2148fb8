package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The load as the kernel tells it: {@code /proc/loadavg} and, of its pressure stall information, {@code /proc/pressure/io}. */
final class KernelLoad implements HostLoad {
    private static final Logger LOG = LoggerFactory.getLogger(KernelLoad.class);
    private static final Pattern LOAD = Pattern.compile("(\\d{1,9}\\.\\d{1,9}) .*", Pattern.DOTALL);
    private static final Pattern PRESSURE =
            Pattern.compile("^some .*\\bavg10=(\\d{1,3}(?:\\.\\d{1,9})?)\\b", Pattern.MULTILINE);

    private final Path proc;

    KernelLoad(Path proc) {
        this.proc = proc;
    }

    @Override
    public OptionalDouble perProcessor() {
        OptionalDouble load = figure("loadavg", LOAD);
        return load.isPresent()
                ? OptionalDouble.of(load.getAsDouble() / Runtime.getRuntime().availableProcessors())
                : load;
    }

    @Override
    public OptionalDouble ioPressure() {
        return figure("pressure/io", PRESSURE);
    }

    private OptionalDouble figure(String file, Pattern pattern) {
        try {
            Matcher matcher = pattern.matcher(Files.readString(proc.resolve(file)));
            return matcher.find() ? OptionalDouble.of(Double.parseDouble(matcher.group(1))) : OptionalDouble.empty();
        } catch (IOException notThere) {
            LOG.debug("{} cannot be read", proc.resolve(file), notThere);
            return OptionalDouble.empty();
        }
    }
}
