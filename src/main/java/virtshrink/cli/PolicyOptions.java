package virtshrink.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.InvalidPolicyException;
import virtshrink.libvirt.PolicySetting;

/** What is to be changed in a policy. */
final class PolicyOptions {
    @ArgGroup
    private @Nullable Switch onOrOff;

    @Option(
            names = "--exclude-disks",
            paramLabel = "DISK,...",
            description = "Leave these of its disks alone, by the guest's names: vda,vdb.")
    private @Nullable String excludeDisks;

    @Option(
            names = "--min-reclaim",
            paramLabel = "SIZE|PERCENT",
            description = "Leave an image as it is if less can be reclaimed: 500M, 1.5G, 5%% of what it takes now.")
    private @Nullable String minimumGain;

    @Option(
            names = "--min-days-since-shrink",
            paramLabel = "DAYS",
            description = "Leave the domain alone for so long after it was shrunk.")
    private @Nullable String minimumDays;

    @Option(
            names = "--min-hours-off",
            paramLabel = "HOURS",
            description = "Leave the domain alone until it was off for so long.")
    private @Nullable String minimumHours;

    @Option(
            names = "--keep-original",
            paramLabel = "TIME",
            description = "Keep the image as it was before: no, until-clean-stop, or a time such as 36h or 14d.")
    private @Nullable String keepOriginal;

    @Option(names = "--raw", paramLabel = "keep|convert", description = "Keep raw disks raw, or convert them to qcow2.")
    private @Nullable String raw;

    @Option(
            names = "--unset",
            paramLabel = "SETTING",
            description =
                    "Take a setting out of the policy, so that the daemon's configuration holds again; may be given"
                            + " several times.")
    private List<String> unset = new ArrayList<>();

    @Option(names = "--clear", description = "Take everything out of the policy; what else is given is put in.")
    private boolean clear;

    /** Not both. */
    static final class Switch {
        @Option(names = "--disable", description = "Leave the domain alone.")
        private boolean disable;

        @Option(names = "--enable", description = "No longer leave the domain alone.")
        private boolean enable;

        @Nullable
        String text() {
            if (disable) {
                return "yes";
            }
            return enable ? "no" : null;
        }
    }

    /** Whether the policy is replaced whatever it is now. */
    boolean clear() {
        return clear;
    }

    /** Whether nothing is to be changed. */
    boolean isEmpty() {
        return !clear && unset.isEmpty() && changes().isEmpty();
    }

    /**
     * The policy as these options change it.
     *
     * @throws WrongUsageException if a value cannot be accepted
     */
    DomainPolicy applyTo(DomainPolicy policy) throws WrongUsageException {
        Map<String, String> settings = new LinkedHashMap<>(clear ? Map.of() : policy.settings());
        for (String key : unset) {
            if (PolicySetting.ofKey(key).isEmpty()) {
                throw new WrongUsageException("--unset " + key + ": a policy has no such setting; it has "
                        + Arrays.stream(PolicySetting.values())
                                .map(PolicySetting::key)
                                .collect(Collectors.joining(", ")));
            }
            settings.remove(key);
        }
        settings.putAll(changes());
        try {
            return DomainPolicy.of(settings);
        } catch (InvalidPolicyException e) {
            throw new WrongUsageException("--" + e.getMessage());
        }
    }

    private Map<String, String> changes() {
        Map<String, String> changes = new LinkedHashMap<>();
        put(changes, PolicySetting.DISABLED, onOrOff == null ? null : onOrOff.text());
        put(changes, PolicySetting.EXCLUDE_DISKS, excludeDisks);
        put(changes, PolicySetting.MIN_RECLAIM, minimumGain);
        put(changes, PolicySetting.MIN_DAYS_SINCE_SHRINK, minimumDays);
        put(changes, PolicySetting.MIN_HOURS_OFF, minimumHours);
        put(changes, PolicySetting.KEEP_ORIGINAL, keepOriginal);
        put(changes, PolicySetting.RAW, raw);
        return changes;
    }

    private static void put(Map<String, String> changes, PolicySetting setting, @Nullable String value) {
        if (value != null) {
            changes.put(setting.key(), value);
        }
    }
}
