package virtshrink.cli;

/** Entry point of {@code virt-shrink}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        CommandLineLog.choose();
        StopSignal stop = new StopSignal();
        stop.listen();
        System.exit(stop.finish(Program.run(Session.ofProcess(stop), arguments)));
    }
}
