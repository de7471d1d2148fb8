package virtshrink.control;

/** The daemon's side of one client that waits for an answer. Thread-safe; no method blocks, and none fails because the client is gone. */
public interface Conversation {
    /** Who asks: the user's name, or number where there is none. */
    String user();

    /** Says something; {@link Answer.Progress} is left out where the client does not keep up. */
    void say(Answer answer);

    /** Says something, and that it was the last: nothing is said after it. */
    void close(Answer last);

    /** What to do when the client leaves before the last answer; at once if it has already. Must be quick; any thread may call it. */
    void whenGone(Runnable action);
}
