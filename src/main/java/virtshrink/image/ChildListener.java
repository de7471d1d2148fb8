package virtshrink.image;

/** Told of every child process, so that someone else can end what a dead run left. Called from any thread; must be quick and not throw. */
public interface ChildListener {
    /**
     * A child runs.
     *
     * @param pid of the tool itself; until the tool has been executed, some milliseconds, of what is about to become it
     * @param command name of the tool, without directory
     */
    void started(long pid, String command);

    /** It has ended and been reaped. Called once for each that was started. */
    void ended(long pid);

    /** Does nothing. */
    ChildListener NONE = new ChildListener() {
        @Override
        public void started(long pid, String command) {}

        @Override
        public void ended(long pid) {}
    };
}
