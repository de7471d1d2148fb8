package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images that others made, if the environment variable {@code VIRT_SHRINK_CORPUS} names their directory. */
@Timeout(300)
class CorpusQcow2Test {
    private static final long MOST_BYTES = 64L << 20;

    @TempDir
    private Path directory;

    @TestFactory
    Stream<DynamicTest> everyQcow2ImageIsReadOrRefused() throws IOException {
        String corpus = System.getenv("VIRT_SHRINK_CORPUS");
        assumeTrue(corpus != null, "VIRT_SHRINK_CORPUS is not set");
        Tools.requireQemuImg();
        Path root = Path.of(corpus);
        List<String> index = Files.readAllLines(root.resolve("INDEX.tsv"));
        List<String> columns = List.of(index.get(0).split("\t", -1));
        Set<List<String>> images = new LinkedHashSet<>();
        for (String row : index.subList(1, index.size())) {
            List<String> cells = List.of(row.split("\t", -1));
            if (cells.get(columns.indexOf("container")).equals("qcow2")) {
                images.add(List.of(
                        cells.get(columns.indexOf("file")),
                        cells.get(columns.indexOf("unpack")),
                        cells.get(columns.indexOf("vsize"))));
            }
        }
        return images.stream()
                .map(image -> DynamicTest.dynamicTest(
                        image.get(0), () -> readOrRefuse(root.resolve(image.get(0)), image.get(1), image.get(2))));
    }

    private void readOrRefuse(Path packed, String unpack, String virtualBytes) throws Exception {
        Path own = Files.createTempDirectory(directory, "image");
        Path image = own.resolve("image.qcow2");
        Process filter = new ProcessBuilder(unpack.split(" ", -1))
                .redirectInput(packed.toFile())
                .redirectOutput(image.toFile())
                .start();
        try (InputStream complaints = filter.getErrorStream()) {
            complaints.transferTo(System.err);
        }
        assertEquals(0, filter.waitFor());
        assumeTrue(Files.size(image) <= MOST_BYTES, "larger than this test wants to read");
        try {
            JudgedImage judged =
                    new ImageJudge(Tools.QEMU_IMG).judge(image, ImageFormat.QCOW2, ImageJudge.Policy.REPLACE);
            assertEquals(Long.parseLong(virtualBytes), judged.facts().virtualBytes());
        } catch (ImageRefusedException refused) {
            System.out.println(refused.getMessage());
        }
        Files.delete(image);
    }
}
