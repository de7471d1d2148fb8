package virtshrink.shrink;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How long the image as it was before a run stays beside the new one. */
public sealed interface KeepOriginal {
    /** No longer than the run. */
    record No() implements KeepOriginal {
        @Override
        public String text() {
            return "no";
        }
    }

    /**
     * For a time.
     *
     * @param time whole hours, at least one, at most ten years
     */
    record For(Duration time) implements KeepOriginal {
        @Override
        public String text() {
            return time.toHours() % 24 == 0 ? time.toDays() + "d" : time.toHours() + "h";
        }
    }

    /** Until the guest has been started and shut down cleanly on the new one. */
    record UntilCleanStop() implements KeepOriginal {
        @Override
        public String text() {
            return "until-clean-stop";
        }
    }

    /** As {@link #parse} reads it. */
    String text();

    /**
     * Reads {@code no}, {@code until-clean-stop}, or a time such as {@code 36h} or {@code 14d}.
     *
     * @throws IllegalArgumentException if it is none of them; the message follows a colon
     */
    static KeepOriginal parse(String text) {
        switch (text) {
            case "no" -> {
                return new No();
            }
            case "until-clean-stop" -> {
                return new UntilCleanStop();
            }
            default -> {
                Matcher time = Pattern.compile("([1-9]\\d{0,4})([hd])").matcher(text);
                if (!time.matches()) {
                    throw new IllegalArgumentException("it must be no, until-clean-stop, or a time such as 36h or 14d");
                }
                long amount = Long.parseLong(time.group(1));
                Duration duration = time.group(2).equals("h") ? Duration.ofHours(amount) : Duration.ofDays(amount);
                if (duration.compareTo(Duration.ofDays(3650)) > 0) {
                    throw new IllegalArgumentException("it must be no more than 3650d");
                }
                return new For(duration);
            }
        }
    }
}
