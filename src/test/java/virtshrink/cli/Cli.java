package virtshrink.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.Map;

/** Runs the command line in this process, on fakes. */
final class Cli {
    final FakeCollaborators collaborators = new FakeCollaborators();
    final StopSignal stop = new StopSignal();

    /** @param arguments separated by single spaces */
    Result run(String arguments) {
        TestScreen screen = new TestScreen(false);
        int status = Program.run(new Session(collaborators, screen, stop, () -> 0), arguments.split(" "));
        return new Result(status, screen.outText(), screen.errText());
    }

    record Result(int status, String out, String err) {
        /** Standard output as the one object it must be. */
        Map<String, Object> json() throws IOException {
            if (out.indexOf('\n') != out.length() - 1) {
                throw new AssertionError("not one line: " + out);
            }
            return JSON.std.mapFrom(out);
        }
    }
}
