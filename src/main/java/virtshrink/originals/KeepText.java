package virtshrink.originals;

import virtshrink.shrink.KeepOriginal;

/** How long something is kept, for people; continues a sentence. */
final class KeepText {
    private KeepText() {}

    static String of(KeepOriginal keep) {
        if (keep instanceof KeepOriginal.For time) {
            return "for " + time.text();
        }
        return keep instanceof KeepOriginal.UntilCleanStop
                ? "until the guest has been started and shut down cleanly"
                : "no longer";
    }
}
