package virtshrink.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a schedule of the daemon makes of a disk.
 *
 * @param reason why it leaves it alone; empty if it would shrink it
 */
record ScheduleAnswer(String schedule, String reason) {
    boolean taken() {
        return reason.isEmpty();
    }

    /** For people. */
    String text() {
        return schedule + ": " + (taken() ? "would shrink it" : reason);
    }

    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("schedule", schedule);
        json.put("taken", taken());
        json.put("reason", reason);
        return json;
    }
}
