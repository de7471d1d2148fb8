package virtshrink.control;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.control.Request.Cancel;
import virtshrink.control.Request.Shrink;
import virtshrink.control.Request.Status;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;

/** Requests as lines. */
final class RequestLine {
    private static final int LONGEST_NAME = 1024;

    private RequestLine() {}

    static byte[] of(Request request) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("version", Request.VERSION);
        if (request instanceof Status) {
            json.put("request", "status");
        } else if (request instanceof Cancel cancel) {
            json.put("request", "cancel");
            cancel.domain().ifPresent(name -> json.put("domain", name));
        } else if (request instanceof Shrink shrink) {
            json.put("request", "shrink");
            json.put("connect", shrink.connect());
            json.put("domains", shrink.domains());
            json.put("settings", shrink.settings());
        }
        return Line.of(json);
    }

    static Request parse(byte[] line) throws MalformedMessageException {
        JsonFields fields = Line.parse(line);
        try {
            long version = fields.number("version");
            if (version != Request.VERSION) {
                throw new MalformedMessageException(
                        "it is of version %d of the protocol, and this daemon speaks version %d"
                                .formatted(version, Request.VERSION));
            }
            String request = fields.text("request");
            return switch (request) {
                case "status" -> new Status();
                case "cancel" ->
                    new Cancel(fields.has("domain") ? Optional.of(name(fields.text("domain"))) : Optional.empty());
                case "shrink" ->
                    new Shrink(
                            fields.text("connect"),
                            names(fields.texts("domains")),
                            fields.object("settings").asMap());
                default -> throw new MalformedMessageException("there is no request '" + request + "'");
            };
        } catch (MissingFieldException missing) {
            throw new MalformedMessageException("its field '" + missing.getMessage() + "' is missing or wrong");
        }
    }

    private static List<String> names(List<String> names) throws MalformedMessageException {
        if (names.isEmpty() || names.size() > Request.MOST_NAMES) {
            throw new MalformedMessageException("it must name 1 to " + Request.MOST_NAMES + " domains");
        }
        for (String name : names) {
            name(name);
        }
        return names;
    }

    private static String name(String name) throws MalformedMessageException {
        if (name.isEmpty() || name.length() > LONGEST_NAME || name.indexOf('\0') >= 0) {
            throw new MalformedMessageException("no domain can have such a name");
        }
        return name;
    }
}
