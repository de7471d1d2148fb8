package virtshrink.cli;

/** Entry point of {@code virt-shrink}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        StopSignal stop = new StopSignal();
        stop.listen();
        Session session = new Session(new ProductionCollaborators(), new ProcessScreen(), stop, System::nanoTime);
        System.exit(stop.finish(Program.run(session, arguments)));
    }
}
