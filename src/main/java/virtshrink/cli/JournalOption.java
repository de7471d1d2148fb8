package virtshrink.cli;

import picocli.CommandLine.Option;

/** What is made of a filesystem whose guest was powered off hard; the same wherever filesystems are read. */
final class JournalOption {
    @Option(
            names = "--replay-journals",
            description = "Where an ext3 or ext4 filesystem was not cleanly unmounted, replay its journal in memory and"
                    + " go by that; nothing is written for it. Only for a guest that was powered off hard, never for one that was"
                    + " suspended or saved.")
    private boolean replayJournals;

    boolean replayJournals() {
        return replayJournals;
    }
}
