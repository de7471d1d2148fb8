package virtshrink.control;

/** Who answers. Called on the one thread that serves all clients: must return quickly, and may go on with the conversation elsewhere. */
@FunctionalInterface
public interface Requests {
    /** A request has come. */
    void answer(Request request, Conversation conversation);
}
