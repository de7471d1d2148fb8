package virtshrink.policy;

import java.time.Duration;
import java.util.Optional;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.PolicySetting;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;

/**
 * What holds for one domain in one schedule: the domain's own policy where it says something, otherwise the schedule.
 *
 * @param policy the domain's own, for those who look for more in it
 * @param minimumGain below it an image is left as it is
 * @param minimumSinceShrink shrunk more recently, the domain is left alone
 * @param minimumOff written to more recently, it is left alone
 * @param originals what becomes of the images that are displaced
 */
public record Terms(
        DomainPolicy policy,
        MinimumGain minimumGain,
        Duration minimumSinceShrink,
        Duration minimumOff,
        OriginalsPolicy originals) {
    static Terms of(Schedule schedule, DomainPolicy policy) {
        return new Terms(
                policy,
                policy.minimumGain().orElse(schedule.minimumGain()),
                policy.minimumSinceShrink().orElse(schedule.minimumSinceShrink()),
                policy.minimumOff().orElse(schedule.minimumOff()),
                new OriginalsPolicy(
                        policy.keepOriginal().orElse(schedule.originals().keepOriginal()),
                        policy.raw().orElse(schedule.originals().raw()),
                        schedule.originals().keepConverted()));
    }

    /**
     * Why a gain is not worth a run; empty if it is.
     *
     * @param gainBytes what the estimate says
     * @param allocatedBytes what the image takes
     */
    public Optional<String> whyNotWorth(long gainBytes, long allocatedBytes) {
        if (minimumGain.isMetBy(gainBytes, allocatedBytes)) {
            return Optional.empty();
        }
        return Optional.of(
                gainBytes == 0
                        ? "free space holds no data"
                        : "the gain of " + gainBytes + " bytes is below " + naming(PolicySetting.MIN_RECLAIM) + " = "
                                + minimumGain.text());
    }

    /** The key, and whose it is. */
    String naming(PolicySetting setting) {
        return setting.key() + (setting.textIn(policy).isPresent() ? " of its own policy" : "");
    }
}
