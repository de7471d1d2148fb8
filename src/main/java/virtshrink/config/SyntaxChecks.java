package virtshrink.config;

import java.util.Optional;
import java.util.function.Function;

/**
 * What only others know of values in the file.
 *
 * @param cron what is wrong with a cron expression; empty if it is fine
 * @param connect what is wrong with a hypervisor's URI; empty if it is fine
 */
public record SyntaxChecks(Function<String, Optional<String>> cron, Function<String, Optional<String>> connect) {}
