package virtshrink.libvirt;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.RawDisks;

/**
 * What a domain's own metadata says of how the daemon is to treat it. What is stated there overrides the daemon's configuration; what is empty
 * leaves it as it is. Immutable.
 *
 * @param disabled whether it is left alone altogether
 * @param excludedDisks the guest's names of disks that are left alone
 * @param minimumGain below it an image is left as it is
 * @param minimumSinceShrink whole days; shrunk more recently, the domain is left alone
 * @param minimumOff whole hours; written to more recently, it is left alone
 * @param keepOriginal how long originals are kept
 * @param raw what becomes of raw disks
 */
public record DomainPolicy(
        boolean disabled,
        List<String> excludedDisks,
        Optional<MinimumGain> minimumGain,
        Optional<Duration> minimumSinceShrink,
        Optional<Duration> minimumOff,
        Optional<KeepOriginal> keepOriginal,
        Optional<RawDisks> raw) {
    /** Says nothing; the same as not being there. */
    public static final DomainPolicy NONE = new DomainPolicy(
            false, List.of(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

    public DomainPolicy {
        excludedDisks = List.copyOf(excludedDisks);
        if (minimumGain.isPresent()
                && minimumGain.get().bytes() > 0
                && minimumGain.get().percent() > 0) {
            throw new IllegalArgumentException("the metadata have no way to say both limits of " + minimumGain.get());
        }
    }

    /**
     * The policy that these settings make: the attributes of the metadata element.
     *
     * @param settings texts by {@link PolicySetting#key}
     * @throws InvalidPolicyException if a key is unknown or a text no value for it
     */
    public static DomainPolicy of(Map<String, String> settings) throws InvalidPolicyException {
        return PolicySetting.read(settings);
    }

    /** The settings that make this policy, by their keys; what is not stated is not there. */
    public Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        for (PolicySetting setting : PolicySetting.values()) {
            setting.textIn(this).ifPresent(text -> settings.put(setting.key(), text));
        }
        return settings;
    }
}
