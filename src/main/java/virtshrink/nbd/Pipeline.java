package virtshrink.nbd;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.function.Consumer;
import java.util.function.Function;

/** Keeps several requests of one caller in flight. */
final class Pipeline {
    private Pipeline() {}

    /**
     * Sends a request for each item and reports the answered ones in their order. After the first failure nothing more is sent. Returns or
     * throws only when none of them is in flight any more.
     */
    static <T> void run(
            NbdConnection connection, Iterator<T> items, Function<T, Request> toRequest, Consumer<Request> answered)
            throws IOException {
        Deque<Request> sent = new ArrayDeque<>();
        try {
            while (items.hasNext() || !sent.isEmpty()) {
                if (items.hasNext() && sent.size() < connection.requestsInFlight()) {
                    Request request = toRequest.apply(items.next());
                    connection.submit(request);
                    sent.add(request);
                } else {
                    Request request = sent.remove();
                    request.awaitEnd();
                    request.throwIfFailed();
                    answered.accept(request);
                }
            }
        } finally {
            sent.forEach(Request::awaitEnd);
        }
    }
}
