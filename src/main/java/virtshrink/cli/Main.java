package virtshrink.cli;

/** Entry point of {@code virt-shrink}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        Logging.configure();
        StopSignal stop = new StopSignal();
        stop.listen();
        System.exit(stop.finish(Program.run(Session.ofProcess(stop), arguments)));
    }
}
