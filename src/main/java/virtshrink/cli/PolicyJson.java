package virtshrink.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.StatedPolicy;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.RawDisks;

/** A domain's own policy as the documented JSON. */
final class PolicyJson {
    private PolicyJson() {}

    /** {@code "policy"} is null if it cannot be followed, and {@code "policyReason"} says why. */
    static Map<String, Object> stated(StatedPolicy stated) {
        Map<String, Object> json = new LinkedHashMap<>();
        if (stated instanceof StatedPolicy.Clear clear) {
            json.put("policy", policy(clear.policy()));
            json.put("policyReason", "");
        } else if (stated instanceof StatedPolicy.Unclear unclear) {
            json.put("policy", null);
            json.put("policyReason", unclear.reason());
        }
        return json;
    }

    /** What is not stated is null. */
    private static Map<String, Object> policy(DomainPolicy policy) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("disabled", policy.disabled());
        json.put("excludeDisks", policy.excludedDisks());
        put(json, "minReclaim", policy.minimumGain().map(MinimumGain::text));
        put(json, "minDaysSinceShrink", policy.minimumSinceShrink().map(time -> time.toDays()));
        put(json, "minHoursOff", policy.minimumOff().map(time -> time.toHours()));
        put(json, "keepOriginal", policy.keepOriginal().map(KeepOriginal::text));
        put(json, "raw", policy.raw().map(RawDisks::text));
        return json;
    }

    private static void put(Map<String, Object> json, String key, Optional<?> value) {
        json.put(key, value.orElse(null));
    }
}
