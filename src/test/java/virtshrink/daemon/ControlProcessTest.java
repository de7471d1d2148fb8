package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.libvirt.PrivateLibvirtd;

/** The command line asks the daemon: two processes, a real libvirtd, real images. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ControlProcessTest {
    @TempDir
    static Path directory;

    private PrivateLibvirtd libvirtd;
    private Path configuration;
    private Path images;
    private Path template;
    private DaemonProcess daemon;
    private int count;
    private String name = "";
    private Path image = Path.of("");

    @BeforeAll
    void startAll() throws Exception {
        PrivateLibvirtd.assumePossible();
        DaemonProcess.assumePossible();
        libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")));
        images = Files.createDirectory(directory.resolve("images"));
        template = UsedImage.qcow2(directory.resolve("template.qcow2"), 8);
        configuration = directory.resolve("virt-shrinkd.toml");
        Files.writeString(configuration, """
                connect = "%s"
                control-group = "adm"
                [history]
                directory = "%s"
                [schedule.test]
                cron = "0 0 0 1 1 ? 2090"
                """.formatted(libvirtd.uri(), directory.resolve("history")));
        daemon = DaemonProcess.start(directory, configuration, slowTools());
        daemon.await("READY=1"::equals);
    }

    @AfterAll
    void stopAll() throws IOException {
        if (daemon != null) {
            daemon.close();
        }
        if (libvirtd != null) {
            libvirtd.close();
        }
    }

    /** A qemu-img that never finishes the conversion of an image that is called so. */
    private Map<String, String> slowTools() throws IOException {
        Path tools = Files.createDirectories(directory.resolve("tools"));
        Path qemuImg = tools.resolve("qemu-img");
        Files.writeString(qemuImg, """
                #!/bin/sh
                case "$*" in
                *convert*slow*) exec sleep 600 ;;
                esac
                exec /usr/bin/qemu-img "$@"
                """);
        Files.setPosixFilePermissions(qemuImg, PosixFilePermissions.fromString("rwxr-xr-x"));
        return Map.of("VIRT_SHRINK_TOOLS", tools.toString());
    }

    @BeforeEach
    void nothingRuns() throws Exception {
        count++;
        name = "web" + count;
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        try (Stream<Path> files = Files.list(images)) {
            assertEquals(
                    List.of(),
                    files.map(file -> file.getFileName().toString())
                            .filter(file -> file.startsWith("."))
                            .toList());
        }
    }

    private void define(String file) throws IOException {
        image = Files.copy(template, images.resolve(file));
        libvirtd.defineDomain(name, fileDisk("vda", image, "qcow2"));
    }

    private ClientProcess start(String... arguments) throws IOException {
        return start(List.of(), arguments);
    }

    private ClientProcess start(List<String> before, String... arguments) throws IOException {
        List<String> line = new ArrayList<>(List.of("--connect", libvirtd.uri()));
        line.addAll(List.of(arguments));
        return ClientProcess.start(directory, configuration, Map.of(), before, line.toArray(String[]::new));
    }

    private ClientProcess.Result run(String... arguments) throws Exception {
        try (ClientProcess client = start(arguments)) {
            return client.end();
        }
    }

    private Map<String, Object> status() throws Exception {
        ClientProcess.Result result = run("status", "--json");
        assertEquals(0, result.status(), result::toString);
        return JSON.std.mapFrom(result.out());
    }

    /** What the history says of the domain, the newest last. */
    private List<Map<String, Object>> history(String domain) throws Exception {
        ClientProcess.Result result = run("history", "--json", "--domain", domain);
        assertEquals(0, result.status(), result::toString);
        List<Map<String, Object>> found = new ArrayList<>();
        for (Object entry : (List<?>) JSON.std.mapFrom(result.out()).get("entries")) {
            @SuppressWarnings("unchecked")
            Map<String, Object> object = (Map<String, Object>) entry;
            found.add(object);
        }
        return found;
    }

    /** Times differ from run to run, and so does the name. */
    private String comparable(String text) {
        return text.lines()
                .filter(line ->
                        !line.startsWith("  time ") && !line.matches(" +judge .*| +zero .*| +verify .*| +swap .*"))
                .map(line -> line.replaceAll("\"phasesMillis\":\\{[^}]*\\}", "").replace(name, "NAME"))
                .reduce("", (one, other) -> one + other + "\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "--json", "--quiet"})
    void aDomainThroughTheDaemonLooksLikeOneWithoutIt(String option) throws Exception {
        define(name + ".qcow2");
        String[] arguments = Stream.of("domain", name, option)
                .filter(part -> !part.isEmpty())
                .toArray(String[]::new);
        ClientProcess.Result through = run(arguments);
        String text = comparable(through.out());
        assertEquals(0, through.status(), through::toString);
        assertTrue(Files.size(image) < Files.size(template));
        assertEquals("on demand", history(name).get(0).get("schedule"));
        assertTrue(daemon.log().contains("on demand: " + name + ", asked for by root: shrunk"), daemon.log());

        Files.copy(template, image, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        List<String> alone = new ArrayList<>(List.of("--connect", libvirtd.uri()));
        alone.addAll(List.of(arguments));
        Path elsewhere = Files.createDirectory(
                directory.resolve("alone" + count),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try (ClientProcess client =
                ClientProcess.start(elsewhere, configuration, Map.of(), List.of(), alone.toArray(String[]::new))) {
            ClientProcess.Result local = client.end();
            assertEquals(text, comparable(local.out()));
            assertEquals(comparable(through.err()), comparable(local.err()));
            assertEquals(0, local.status());
        }
        assertEquals(
                List.of("shrunk", "shrunk"),
                history(name).stream().map(entry -> entry.get("outcome")).toList(),
                "both have written to the same history");
    }

    @Test
    void statusShowsWhatRunsAndCancelEndsIt() throws Exception {
        define("slow" + name + ".qcow2");
        assertEquals(List.of(), status().get("runs"));
        assertTrue(String.valueOf(status().get("doing")).startsWith("waiting for test at Sun 2090-01-01"));
        byte[] content = Files.readAllBytes(image);
        try (ClientProcess client = start("domain", "--json", name)) {
            daemon.await(line -> line.equals("STATUS=on demand: " + name + ": rebuild"));
            Map<?, ?> run = (Map<?, ?>) ((List<?>) status().get("runs")).get(0);
            assertEquals(name, run.get("domain"));
            assertEquals("on demand", run.get("by"));
            assertEquals("running", run.get("state"));
            assertEquals("rebuild", run.get("phase"));
            assertTrue(run("status").out().contains("rebuild"));

            assertEquals(
                    "nothing is being done to other\n", run("cancel", "other").out());
            assertEquals("cancelled  " + name + "\n", run("cancel", name).out());
            ClientProcess.Result result = client.end();
            assertEquals(4, result.status(), result::toString);
            assertTrue(result.out().contains("\"outcome\":\"yielded\""), result::toString);
            assertTrue(result.out().contains("cancelled by root"), result::toString);
        }
        assertArrayEquals(content, Files.readAllBytes(image));
        assertEquals("yielded", history(name).get(0).get("outcome"));
        assertEquals(List.of(), status().get("runs"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"INT", "TERM", "KILL"})
    void aClientThatVanishesCancelsItsRun(String signal) throws Exception {
        define("slow" + name + ".qcow2");
        byte[] content = Files.readAllBytes(image);
        try (ClientProcess client = start("domain", name)) {
            daemon.await(line -> line.equals("STATUS=on demand: " + name + ": rebuild"));
            client.signal(signal);
            ClientProcess.Result result = client.end();
            daemon.await(line -> line.startsWith("STATUS=waiting for test"));
            if (!signal.equals("KILL")) {
                assertEquals(4, result.status(), result::toString);
                assertTrue(result.err().contains("yielded: interrupted"), result::toString);
            }
        }
        assertArrayEquals(content, Files.readAllBytes(image));
        Map<String, Object> entry = history(name).get(0);
        assertEquals("yielded", entry.get("outcome"));
        assertEquals("interrupted", entry.get("reason"));
    }

    @Test
    void aSecondRunWaitsForTheFirst() throws Exception {
        define("slow" + name + ".qcow2");
        String first = name;
        name = "then" + count;
        define(name + ".qcow2");
        try (ClientProcess slow = start("domain", first)) {
            daemon.await(line -> line.equals("STATUS=on demand: " + first + ": rebuild"));
            try (ClientProcess waiting = start("domain", name)) {
                while (((List<?>) status().get("runs")).size() < 2) {
                    Thread.onSpinWait();
                }
                assertEquals("waiting", ((Map<?, ?>) ((List<?>) status().get("runs")).get(1)).get("state"));
                run("cancel", first);
                assertEquals(4, slow.end().status());
                ClientProcess.Result result = waiting.end();
                assertEquals(0, result.status(), result::toString);
                assertTrue(
                        result.err().contains("virt-shrink: waiting: virt-shrinkd is at work on " + first),
                        result::toString);
            }
        }
    }

    @Test
    void membersOfTheGroupMayAskAndOthersMayNot() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "needs setpriv (package util-linux)");
        Path run = directory.resolve("run");
        assertEquals("rwx--x--x", PosixFilePermissions.toString(Files.getPosixFilePermissions(run)));
        assertEquals("rw-rw----", PosixFilePermissions.toString(Files.getPosixFilePermissions(run.resolve("control"))));
        // The classes and the socket must be within reach of others for this moment.
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        List<String> member = List.of("setpriv", "--reuid=65534", "--regid=4", "--clear-groups");
        List<String> stranger = List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
        try {
            assertTrue(askAs(member).contains("\"answer\":\"status\""));
            assertTrue(askAs(stranger).contains("Permission denied"));
        } finally {
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        }
    }

    /** Not with our client, whose classes another user may not be able to read. */
    private String askAs(List<String> user) throws Exception {
        List<String> line = new ArrayList<>(user);
        line.addAll(List.of(
                "/usr/bin/python3", "-c", """
                import socket, sys
                s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                s.connect(sys.argv[1])
                s.sendall(b'{"version":1,"request":"status"}\\n')
                print(s.makefile().read())
                """, directory.resolve("run/control").toString()));
        Process child = new ProcessBuilder(line).redirectErrorStream(true).start();
        String said = new String(child.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        child.waitFor();
        return said;
    }

    @Test
    void anImageShrunkByItselfIsInTheHistoryToo() throws Exception {
        Path file = Files.copy(template, images.resolve("single.qcow2"));
        ClientProcess.Result result = run("image", "--quiet", file.toString());
        assertEquals(0, result.status(), result::toString);
        ClientProcess.Result history = run("history");
        assertTrue(history.out().contains(file.toString()), history::out);
    }

    @Test
    void anotherHypervisorIsNotTheDaemonsBusiness() throws Exception {
        try (ClientProcess client = ClientProcess.start(
                directory, configuration, Map.of(), List.of(), "-c", "test:///default", "domain", "test")) {
            ClientProcess.Result result = client.end();
            assertEquals(3, result.status(), result::toString);
            assertTrue(result.err().contains("running"), result::toString);
        }
    }
}
