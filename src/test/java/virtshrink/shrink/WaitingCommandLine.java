package virtshrink.shrink;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import virtshrink.cli.Main;

/** The command line in a virtual machine that is already warm when it is told to go. */
final class WaitingCommandLine {
    private WaitingCommandLine() {}

    public static void main(String[] arguments) throws IOException {
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        if ("go".equals(in.readLine())) {
            Main.main(arguments);
        }
    }
}
