package virtshrink.libvirt;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real libvirtd of its own, with real QEMU guests (no KVM needed), that shares nothing with one of the host and vanishes with its guests
 * when closed or when this process ends. Needs root, libvirtd, virsh, unshare and qemu-system-x86_64; see {@link #assumePossible()}.
 */
public final class PrivateLibvirtd implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 60;

    private final Path directory;
    private final Process process;
    private final OutputStream commands;
    private final BufferedReader answers;

    private PrivateLibvirtd(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
        this.commands = process.getOutputStream();
        this.answers = process.inputReader(StandardCharsets.UTF_8);
    }

    /** Skips the calling test, by name of what is missing, where such a libvirtd cannot run. */
    public static void assumePossible() {
        assumeTrue(
                "root".equals(System.getProperty("user.name")),
                "needs root: a private libvirtd has its own mounts and processes");
        assumeTool("/usr/sbin/libvirtd", "libvirt-daemon");
        assumeTool("/usr/bin/virsh", "libvirt-clients");
        assumeTool("/usr/bin/qemu-system-x86_64", "qemu-system-x86");
        assumeTool("/usr/bin/qemu-img", "qemu-utils");
        assumeTool("/usr/bin/unshare", "util-linux");
        assumeTool("/usr/bin/nsenter", "util-linux");
    }

    private static void assumeTool(String tool, String debianPackage) {
        assumeTrue(Files.isExecutable(Path.of(tool)), "needs " + tool + " (package " + debianPackage + ")");
    }

    /**
     * Starts one.
     *
     * @param directory empty and short (Unix socket paths end at 107 bytes); holds all it keeps
     */
    public static PrivateLibvirtd start(Path directory) throws IOException {
        Path script = directory.resolve("private-libvirtd.sh");
        try (InputStream in = PrivateLibvirtd.class.getResourceAsStream("private-libvirtd.sh")) {
            Files.copy(in, script);
        }
        Process process = new ProcessBuilder(
                        "unshare",
                        "--mount",
                        "--pid",
                        "--fork",
                        "--kill-child",
                        "bash",
                        script.toString(),
                        directory.toString())
                .redirectErrorStream(true)
                .start();
        PrivateLibvirtd libvirtd = new PrivateLibvirtd(directory, process);
        try {
            libvirtd.awaitAnswer("ready");
        } catch (IOException e) {
            libvirtd.close();
            throw e;
        }
        return libvirtd;
    }

    /** For {@link Hypervisor#open} and {@code virsh --connect}. */
    public String uri() {
        return "qemu+unix:///system?socket=" + directory.resolve("run/libvirt-sock");
    }

    /** Where the domains' logs are. */
    public Path domainLogDirectory() {
        return directory.resolve("log/qemu");
    }

    /** A program {@code qemu} here is called when guests start and stop; libvirtd looks at its own start, see {@link #restart()}. */
    public Path hooksDirectory() {
        return directory.resolve("etc/hooks");
    }

    /** Where what runs inside, such as a hook, finds the directory {@code /run} of the outside. */
    public Path outerRunDirectory() {
        return directory.resolve("outer/run");
    }

    /** Where what runs inside, such as a hook, finds the processes of the outside. */
    public Path outerProcesses() {
        return directory.resolve("outer/proc");
    }

    /** Ends libvirtd and starts it again; guests keep running, and the reasons why others are shut off are forgotten. */
    public void restart() throws IOException {
        command("restart", "ready");
    }

    /** Ends libvirtd as a crash would. Guests keep running. */
    public void kill() throws IOException {
        command("kill", "gone");
    }

    /** Stops libvirtd in the middle of whatever it does: it takes connections, but answers nobody. Guests keep running. */
    public void hang() throws IOException {
        signal("STOP");
    }

    /** Undoes {@link #hang}. */
    public void goOn() throws IOException {
        signal("CONT");
    }

    private void signal(String name) throws IOException {
        long pid = daemon().orElseThrow(() -> new IOException("this libvirtd does not run"))
                .pid();
        run(List.of("kill", "-" + name, Long.toString(pid)));
    }

    /** The process of libvirtd itself, if it runs. */
    public Optional<ProcessHandle> daemon() {
        return processes()
                .filter(process -> process.info().command().orElse("").endsWith("/libvirtd"))
                .findFirst();
    }

    /** What to put before a command so that it sees this libvirtd in the place of the host's: {@code qemu:///system} is this one then. */
    public List<String> inside() {
        ProcessHandle first = process.children().findFirst().orElseThrow();
        return List.of("nsenter", "--target", Long.toString(first.pid()), "--mount", "--pid", "--");
    }

    /** All processes of this libvirtd, its guests' among them. */
    public Stream<ProcessHandle> processes() {
        return process.descendants();
    }

    /** Defines a guest of 32 MiB without an operating system; started, it stays in its firmware. */
    public void defineDomain(String name, String... disks) throws IOException {
        Path xml = Files.createTempFile(directory, "domain", ".xml");
        Files.writeString(xml, domainXml(name, disks));
        virsh("define", xml.toString());
    }

    /** The XML of such a guest. */
    public static String domainXml(String name, String... disks) {
        return """
                <domain type='qemu'>
                  <name>%s</name>
                  <memory unit='MiB'>32</memory>
                  <vcpu>1</vcpu>
                  <os><type arch='x86_64' machine='pc'>hvm</type></os>
                  <features><acpi/></features>
                  <devices>
                    <emulator>/usr/bin/qemu-system-x86_64</emulator>
                %s
                    <controller type='usb' model='none'/>
                    <memballoon model='none'/>
                  </devices>
                </domain>
                """.formatted(name, String.join("\n", disks));
    }

    /** The XML of an image file as a virtio disk. */
    public static String fileDisk(String target, Path image, String format) {
        return """
                <disk type='file' device='disk'>
                  <driver name='qemu' type='%s'/>
                  <source file='%s'/>
                  <target dev='%s' bus='virtio'/>
                </disk>""".formatted(format, image, target);
    }

    /** Runs virsh on this libvirtd; its output. */
    public String virsh(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("virsh", "-q", "-c", uri()));
        command.addAll(List.of(arguments));
        return run(command);
    }

    /** Waits until the domain is in a state, in virsh's words: {@code shut off}. */
    public void awaitState(String domain, String state) throws IOException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        String now = "";
        while (System.nanoTime() - deadline < 0) {
            now = virsh("domstate", domain).strip();
            if (now.equals(state)) {
                return;
            }
        }
        throw new IOException(domain + " is " + now + ", not " + state);
    }

    /** Runs a program to its end; its output. */
    public static String run(List<String> command) throws IOException {
        Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
        child.getOutputStream().close();
        String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (!child.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) || child.exitValue() != 0) {
                child.destroyForcibly();
                throw new IOException(String.join(" ", command) + " failed: " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for " + command.get(0), e);
        }
        return output;
    }

    private void command(String command, String expected) throws IOException {
        commands.write((command + "\n").getBytes(StandardCharsets.UTF_8));
        commands.flush();
        awaitAnswer(expected);
    }

    private void awaitAnswer(String expected) throws IOException {
        String answer = answers.readLine();
        if (!expected.equals(answer)) {
            throw new IOException("the private libvirtd said '" + answer + "' instead of '" + expected + "'");
        }
    }

    @Override
    public void close() throws IOException {
        commands.close();
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException("the private libvirtd did not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}
