package virtshrink.control;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import virtshrink.control.Answer.Accepted;
import virtshrink.control.Answer.Cancelled;
import virtshrink.control.Answer.End;
import virtshrink.control.Answer.PhaseBegan;
import virtshrink.control.Answer.Progress;
import virtshrink.control.Answer.Refused;
import virtshrink.control.Answer.Result;
import virtshrink.control.Answer.Status;
import virtshrink.control.Answer.Subject;
import virtshrink.control.Answer.Waiting;
import virtshrink.control.Answer.Why;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;
import virtshrink.shrink.Phase;

/** Answers as lines. */
final class AnswerLine {
    private AnswerLine() {}

    static byte[] of(Answer answer) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("answer", name(answer.getClass()));
        if (answer instanceof Refused refused) {
            json.put("why", name(refused.why()));
            json.put("reason", refused.reason());
        } else if (answer instanceof Status status) {
            json.put("state", status.state());
        } else if (answer instanceof Cancelled cancelled) {
            json.put("domains", cancelled.domains());
        } else if (answer instanceof Waiting waiting) {
            json.put("reason", waiting.reason());
        } else if (answer instanceof Subject subject) {
            json.put("domain", subject.domain());
        } else if (answer instanceof PhaseBegan began) {
            json.put("phase", began.phase().contractName());
        } else if (answer instanceof Progress progress) {
            json.put("doneBytes", progress.doneBytes());
            json.put("totalBytes", progress.totalBytes());
        } else if (answer instanceof Result result) {
            json.put("result", result.result());
        }
        return Line.of(json);
    }

    static Answer parse(byte[] line) throws MalformedMessageException {
        JsonFields fields = Line.parse(line);
        try {
            String name = fields.text("answer");
            return switch (name) {
                case "refused" -> new Refused(why(fields.text("why")), fields.text("reason"));
                case "status" -> new Status(fields.object("state").asMap());
                case "cancelled" -> new Cancelled(fields.texts("domains"));
                case "accepted" -> new Accepted();
                case "waiting" -> new Waiting(fields.text("reason"));
                case "subject" -> new Subject(fields.text("domain"));
                case "phase-began" -> new PhaseBegan(phase(fields.text("phase")));
                case "progress" -> new Progress(fields.number("doneBytes"), fields.number("totalBytes"));
                case "result" -> new Result(fields.object("result").asMap());
                case "end" -> new End();
                default -> throw new MalformedMessageException("there is no answer '" + name + "'");
            };
        } catch (MissingFieldException missing) {
            throw new MalformedMessageException("its field '" + missing.getMessage() + "' is missing or wrong");
        }
    }

    /** {@code PhaseBegan} as {@code phase-began}. */
    private static String name(Class<? extends Answer> kind) {
        return kind.getSimpleName().replaceAll("(?<=.)([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }

    private static String name(Why why) {
        return why.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Why why(String name) throws MissingFieldException {
        return Arrays.stream(Why.values())
                .filter(why -> name(why).equals(name))
                .findFirst()
                .orElseThrow(() -> new MissingFieldException("why"));
    }

    private static Phase phase(String name) throws MissingFieldException {
        return Arrays.stream(Phase.values())
                .filter(phase -> phase.contractName().equals(name))
                .findFirst()
                .orElseThrow(() -> new MissingFieldException("phase"));
    }
}
