package virtshrink.metrics;

import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What is answered to which request: HTTP/1.1 (RFC 9112) as far as one page to read needs it. Every connection ends with its answer. */
final class Answers {
    private static final Pattern REQUEST_LINE = Pattern.compile("([A-Za-z]{1,16}) (\\S{1,2048}) HTTP/1\\.[01]");

    private final Supplier<byte[]> figures;

    /**
     * One page.
     *
     * @param figures in Prometheus' text format; asked for each time
     */
    Answers(Supplier<byte[]> figures) {
        this.figures = figures;
    }

    /** To a request of which only the first line matters. */
    byte[] to(String requestLine) {
        Matcher request = REQUEST_LINE.matcher(requestLine);
        if (!request.matches()) {
            return plain("400 Bad Request", "", "this is no request of HTTP/1.1");
        }
        boolean head = request.group(1).equals("HEAD");
        if (!head && !request.group(1).equals("GET")) {
            return plain("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "there is only something to read here");
        }
        if (!request.group(2).split("\\?", 2)[0].equals("/metrics")) {
            return plain("404 Not Found", "", "the figures are at /metrics");
        }
        byte[] body = figures.get();
        String type = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
        return answer("200 OK", type, body.length, head ? new byte[0] : body);
    }

    byte[] toTooLong() {
        return plain("431 Request Header Fields Too Large", "", "the request is too long");
    }

    private static byte[] plain(String status, String header, String text) {
        byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
        return answer(status, header + "Content-Type: text/plain; charset=utf-8\r\n", body.length, body);
    }

    private static byte[] answer(String status, String headers, int length, byte[] body) {
        String head = "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + length
                + "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
        byte[] first = head.getBytes(StandardCharsets.US_ASCII);
        byte[] whole = new byte[Math.addExact(first.length, body.length)];
        System.arraycopy(first, 0, whole, 0, first.length);
        System.arraycopy(body, 0, whole, first.length, body.length);
        return whole;
    }
}
