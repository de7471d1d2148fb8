package virtshrink.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MetricsReaderTest {
    private static final SyntaxChecks CHECKS = new SyntaxChecks(cron -> Optional.empty(), uri -> Optional.empty());

    @TempDir
    Path directory;

    private Path file(String line) throws IOException {
        return Files.writeString(
                directory.resolve("virt-shrinkd.toml"), "[schedule.s]\ncron = '0 30 1 * * ?'\n[metrics]\n" + line);
    }

    private MetricsSettings read(String line) throws IOException, InvalidConfigurationException {
        return ConfigurationFile.read(file(line), CHECKS).metrics();
    }

    private String problemWith(String line) throws IOException {
        Path file = file(line);
        List<ConfigurationProblem> found = assertThrows(
                        InvalidConfigurationException.class, () -> ConfigurationFile.read(file, CHECKS))
                .problems();
        assertEquals(1, found.size(), found::toString);
        assertEquals(4, found.get(0).line());
        return found.get(0).message();
    }

    private static SocketAddress port(int port, int... address) throws UnknownHostException {
        byte[] bytes = new byte[address.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) address[i];
        }
        return new InetSocketAddress(InetAddress.getByAddress(bytes), port);
    }

    @Test
    void showsNothingUnlessToldTo() throws Exception {
        assertEquals(MetricsSettings.NONE, read(""));
        assertEquals(MetricsSettings.NONE, read("listen = ''\ntextfile = ''"));
    }

    @Test
    void takesLoopbackAddressesSocketsAndFiles() throws Exception {
        SocketAddress port = port(9837, 127, 0, 0, 1);
        assertEquals(
                new MetricsSettings(Optional.of(port), Optional.of(Path.of("/srv/v.prom"))),
                read("listen = '127.0.0.1:9837'\ntextfile = '/srv/v.prom'"));
        assertEquals(
                Optional.of(port(65_535, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
                read("listen = '[::1]:65535'").listen());
        assertEquals(
                Optional.of(UnixDomainSocketAddress.of("/run/virt-shrink/metrics")),
                read("listen = 'unix:/run/virt-shrink/metrics'").listen());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"0.0.0.0:9837", "192.0.2.1:9837", "[::]:9837", "host.example:9837", "localhost:9837", "9837"})
    void isNotShownToOtherHosts(String address) throws Exception {
        String problem = problemWith("listen = '" + address + "'");
        assertTrue(problem.startsWith("listen is '" + address + "': it must be a loopback address"), problem);
        assertTrue(problem.contains("127.0.0.1:9837"), problem);
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1:0, there is no port 0",
        "127.0.0.1:65536, there is no port 65536",
        "127.0.0.999:1, there is no such address",
        "unix:run/metrics, it must be an absolute path"
    })
    void saysWhatIsWrongWithAnAddress(String address, String problem) throws Exception {
        assertEquals("listen is '" + address + "': " + problem, problemWith("listen = '" + address + "'"));
    }

    @Test
    void refusesASocketPathThatTheKernelWouldNotTake() throws Exception {
        String longest = "/" + "x".repeat(106);
        assertEquals(
                Optional.of(UnixDomainSocketAddress.of(longest)),
                read("listen = 'unix:" + longest + "'").listen());
        String problem = problemWith("listen = 'unix:" + longest + "x'");
        assertTrue(problem.endsWith("the path of a Unix socket has at most 107 bytes"), problem);
    }

    @Test
    void refusesAFileThatNobodyWouldRead() throws Exception {
        assertTrue(problemWith("textfile = '/srv/v.txt'").endsWith("whose names end in .prom"));
        assertTrue(problemWith("textfile = '/srv/.prom'").endsWith("whose names end in .prom"));
        assertTrue(problemWith("textfile = 'v.prom'").endsWith("it must be an absolute path"));
    }

    @Test
    void suggestsTheKeyThatWasMeant() throws Exception {
        assertEquals(
                "there is no key 'metrics.text-file'; did you mean 'textfile'?",
                problemWith("text-file = '/srv/v.prom'"));
    }
}
