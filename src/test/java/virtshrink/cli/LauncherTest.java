package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The launchers as they are, with a Java that only says how it was called. */
class LauncherTest {
    private static final Path LAUNCHERS = Path.of("src/main/launchers").toAbsolutePath();

    @TempDir
    private Path root;

    private Path javaHome;

    @BeforeEach
    void makeJava() throws IOException {
        javaHome = root.resolve("java home");
        script(javaHome.resolve("bin/java"), "#!/bin/sh\nprintf '%s\\n' \"LC_ALL=$LC_ALL\" \"$@\"\n");
        Files.writeString(javaHome.resolve("release"), "IMPLEMENTOR=\"Test\"\nJAVA_VERSION=\"17.0.1\"\n");
    }

    @Test
    void findsItsLibrariesInTheBuildTree() throws Exception {
        Path bin = install("dist/bin", "dist/lib");

        List<String> call = call(bin.resolve("virt-shrink"), Map.of(), "inspect", "a b.qcow2");

        Path lib = root.toRealPath().resolve("dist/lib");
        assertEquals(
                List.of("virtshrink.cli.Main", "inspect", "a b.qcow2"), call.subList(call.size() - 3, call.size()));
        assertEquals(
                lib.resolve("virt-shrink.jar") + ":" + lib.resolve("Z.jar") + ":" + lib.resolve("a.jar"),
                call.get(call.indexOf("-cp") + 1));
        assertTrue(call.contains("-XX:SharedArchiveFile=" + lib.resolve("virt-shrink.jsa")), call.toString());
    }

    @Test
    void findsItsLibrariesWhereThePackagePutsThem() throws Exception {
        Path bin = install("usr/bin", "usr/lib/virt-shrink");

        List<String> call = call(bin.resolve("virt-shrinkd"), Map.of());

        assertEquals("virtshrink.daemon.Main", call.get(call.size() - 1));
        assertTrue(call.get(call.indexOf("-cp") + 1)
                .startsWith(root.toRealPath() + "/usr/lib/virt-shrink/virt-shrink.jar"));
    }

    @Test
    void followsSymbolicLinksToItself() throws Exception {
        Path bin = install("dist/bin", "dist/lib");
        Path relative = Files.createDirectories(root.resolve("elsewhere")).resolve("vs");
        Files.createSymbolicLink(relative, Path.of("../dist/bin/virt-shrink"));
        Path twice = root.resolve("twice");
        Files.createSymbolicLink(twice, relative);

        assertTrue(call(twice, Map.of(), "list").contains("list"));
        assertTrue(Files.exists(bin));
    }

    @Test
    void saysWhereItLookedForItsLibraries() throws Exception {
        Path bin = install("dist/bin", "nowhere");

        Result result = run(bin.resolve("virt-shrink"), Map.of());

        assertEquals(1, result.status());
        assertTrue(result.err().contains("dist/lib"), result.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.8.0_392", "11.0.2", "16", "9-ea"})
    void refusesAnOlderJava(String version) throws Exception {
        Path bin = install("dist/bin", "dist/lib");
        Files.writeString(javaHome.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");

        Result result = run(bin.resolve("virt-shrink"), Map.of());

        assertEquals(1, result.status());
        assertEquals("", result.out());
        assertTrue(result.err().startsWith("virt-shrink: needs Java 17 or newer; "), result.err());
        assertTrue(result.err().contains(version), result.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"17", "17.0.15", "21.0.1", "25-ea"})
    void takesANewerJava(String version) throws Exception {
        Path bin = install("dist/bin", "dist/lib");
        Files.writeString(javaHome.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");

        assertEquals(0, run(bin.resolve("virt-shrink"), Map.of()).status());
    }

    @Test
    void asksAJavaThatHasNoReleaseFile() throws Exception {
        Path bin = install("dist/bin", "dist/lib");
        Files.delete(javaHome.resolve("release"));
        script(javaHome.resolve("bin/java"), "#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n");

        Result result = run(bin.resolve("virt-shrink"), Map.of());

        assertEquals(1, result.status());
        assertTrue(result.err().contains("11.0.2"), result.err());
    }

    @Test
    void saysWhatToDoWithoutAnyJava() throws Exception {
        Path bin = install("dist/bin", "dist/lib");
        Path tools = Files.createDirectories(root.resolve("tools"));
        Files.createSymbolicLink(tools.resolve("readlink"), Path.of("/usr/bin/readlink"));

        Result wrongHome = run(bin.resolve("virt-shrink"), Map.of("JAVA_HOME", "/nonexistent"));
        Result noJava = run(bin.resolve("virt-shrink"), Map.of("JAVA_HOME", "", "PATH", tools.toString()));

        assertEquals("virt-shrink: JAVA_HOME is /nonexistent, which has no bin/java\n", wrongHome.err());
        assertTrue(noJava.err().contains("install openjdk-17-jre-headless or set JAVA_HOME"), noJava.err());
        assertEquals(1, noJava.status());
    }

    @Test
    void furtherOptionsComeLastSoThatTheyWin() throws Exception {
        Path bin = install("dist/bin", "dist/lib");

        List<String> call = call(bin.resolve("virt-shrink"), Map.of("VIRT_SHRINK_JAVA_OPTS", "-Xmx1g -Dx=y"));

        assertTrue(call.indexOf("-Xmx1g") > call.indexOf("-Xmx128m"), call.toString());
        assertTrue(call.indexOf("-Dx=y") < call.indexOf("-cp"), call.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "C, C.UTF-8, true",
        "POSIX, C.UTF-8, true",
        "de_DE.ISO-8859-1, C.UTF-8, true",
        "de_DE.UTF-8, de_DE.UTF-8, false",
        "en_US.utf8, en_US.utf8, false"
    })
    void fileNamesAreAlwaysUtf8(String locale, String javas, boolean ascii) throws Exception {
        Path bin = install("dist/bin", "dist/lib");

        List<String> call = call(bin.resolve("virt-shrink"), Map.of("LC_ALL", locale));

        assertEquals("LC_ALL=" + javas, call.get(0));
        assertEquals(ascii, call.contains("-Dvirtshrink.ascii=true"));
    }

    @Test
    void brokenArchiveIsNeverLeftBehind() throws Exception {
        Path bin = install("dist/bin", "dist/lib");
        Path archive = root.resolve("dist/lib/virt-shrink.jsa");
        script(javaHome.resolve("bin/java"), """
                #!/bin/sh
                for option; do
                    case $option in
                        -XX:*File=* | -XX:DumpLoaded*) echo cut off >"${option#*=}" ;;
                    esac
                done
                case " $* " in
                    *-Xshare:dump*) exit 1 ;;
                esac
                """);

        Result result = run(bin.resolve("virt-shrink"), Map.of("VIRT_SHRINK_WRITE_CDS", archive.toString()));

        assertEquals(1, result.status());
        assertFalse(Files.exists(archive));
        try (var left = Files.list(archive.getParent())) {
            assertEquals(
                    0, left.filter(file -> file.toString().contains(".jsa")).count());
        }
    }

    private Path install(String binName, String libName) throws IOException {
        Path bin = Files.createDirectories(root.resolve(binName));
        Path lib = Files.createDirectories(root.resolve(libName));
        for (String launcher : List.of("virt-shrink", "virt-shrinkd")) {
            script(bin.resolve(launcher), Files.readString(LAUNCHERS.resolve(launcher)));
        }
        Files.copy(LAUNCHERS.resolve("lib/launch.sh"), lib.resolve("launch.sh"));
        for (String jar : List.of("a.jar", "Z.jar", "virt-shrink.jar")) {
            Files.createFile(lib.resolve(jar));
        }
        return bin;
    }

    private static void script(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private List<String> call(Path launcher, Map<String, String> environment, String... arguments) throws Exception {
        Result result = run(launcher, environment, arguments);
        assertEquals("", result.err());
        assertEquals(0, result.status());
        return result.out().lines().toList();
    }

    private Result run(Path launcher, Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(List.of(arguments));
        Path out = root.resolve("out");
        Path err = root.resolve("err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().clear();
        builder.environment()
                .putAll(Map.of("PATH", "/usr/bin:/bin", "JAVA_HOME", javaHome.toString(), "LC_ALL", "C.UTF-8"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        return new Result(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }

    private record Result(int status, String out, String err) {}
}
