package virtshrink.fuzz;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets the fuzzer loose on one image after the other, each in a process of its own with a heap of 256 MiB: {@code FuzzRuns XFS,NTFS 600}. Ends
 * with 1 if any of them found something.
 */
public final class FuzzRuns {
    private static final String DRIVER = "com.code_intelligence.jazzer.Jazzer";

    private FuzzRuns() {}

    /** Images, separated by commas, and seconds for each. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path directory = Path.of(System.getProperty("virtshrink.fuzz.directory", "target/fuzz"));
        List<String> failed = new ArrayList<>();
        for (String image : arguments[0].split(",", -1)) {
            Path corpus = Files.createDirectories(directory.resolve(image));
            System.out.println("fuzz: " + image);
            Process process = new ProcessBuilder(command(image, arguments[1], corpus))
                    .directory(directory.toFile())
                    .inheritIO()
                    .start();
            if (process.waitFor() != 0) {
                failed.add(image);
            }
        }
        System.out.println("fuzz: " + (failed.isEmpty() ? "nothing found" : "found something in " + failed));
        System.exit(failed.isEmpty() ? 0 : 1);
    }

    private static List<String> command(String image, String seconds, Path corpus) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-Dvirtshrink.fuzz.image=" + image,
                "-cp",
                absolute(System.getProperty("java.class.path")),
                DRIVER,
                "--target_class=" + InspectionFuzz.class.getName(),
                "--instrumentation_includes=virtshrink.**",
                "--custom_hook_includes=virtshrink.**",
                "-max_total_time=" + seconds,
                "-timeout=20",
                "-rss_limit_mb=2048",
                "-max_len=400",
                "-len_control=0",
                "-print_final_stats=1",
                "-artifact_prefix=" + image + "-",
                corpus.toAbsolutePath().toString());
    }

    /** The fuzzer works in another directory. */
    private static String absolute(String classPath) {
        List<String> entries = new ArrayList<>();
        for (String entry : classPath.split(File.pathSeparator, -1)) {
            entries.add(Path.of(entry).toAbsolutePath().toString());
        }
        return String.join(File.pathSeparator, entries);
    }
}
