package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Originals are looked for where the daemon of this host has written them down. */
@Timeout(60)
class RestoreListTest {
    @TempDir
    Path directory;

    private ClientProcess.Result list(String historyDirectory) throws IOException, InterruptedException {
        Path configuration = Files.writeString(
                directory.resolve("virt-shrinkd.toml"), "[history]\ndirectory = \"%s\"\n".formatted(historyDirectory));
        try (ClientProcess client =
                ClientProcess.start(directory, configuration, Map.of(), List.of(), "restore", "--list")) {
            return client.end();
        }
    }

    @Test
    void looksWhereTheConfigurationSays() throws Exception {
        Path original = Files.writeString(directory.resolve("a.qcow2.kept"), "1234");
        Path records = Files.createDirectories(directory.resolve("elsewhere/originals"));
        Files.writeString(records.resolve("0123456789ab.json"), """
                {"id":"0123456789ab","stage":"KEPT","owner":"1 1","since":"2026-11-22T01:30:07Z",\
                "uuid":"00000000-0000-0000-0000-000000000001","domain":"web","target":"vda",\
                "image":"%s","imageFormat":"qcow2","original":"%s","originalFormat":"qcow2",\
                "stamp":"1 2 3 4 5","replacement":"1 3 3 4 5","keep":"until-clean-stop"}
                """.formatted(directory.resolve("a.qcow2"), original));
        ClientProcess.Result found = list(directory.resolve("elsewhere").toString());
        assertTrue(found.out().contains(original.toString()), found::toString);
        assertEquals(
                "no originals are kept\n",
                list(directory.resolve("nowhere").toString()).out());
    }
}
