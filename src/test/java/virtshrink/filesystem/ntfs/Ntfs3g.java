package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.block.ExternalTool;
import virtshrink.block.RangeSet;

/** The tools of ntfs-3g, by which the reader is judged. */
final class Ntfs3g {
    private static final Pattern FREE = Pattern.compile("Free Clusters: (\\d+)");
    private static final Pattern CLUSTER = Pattern.compile("Cluster Size: (\\d+)");

    private Ntfs3g() {}

    static void assumeInstalled() {
        for (String tool : new String[] {"mkfs.ntfs", "ntfsinfo", "ntfsresize", "ntfsfix", "ntfscat"}) {
            ExternalTool.assume(tool, "ntfs-3g");
        }
    }

    /**
     * A new volume in a sparse file.
     *
     * @param options of mkfs.ntfs, separated by blanks
     */
    static Path make(Path image, long sizeBytes, String options) throws IOException {
        ExternalTool.sparse(image, sizeBytes);
        List<String> command = new ArrayList<>(List.of("mkfs.ntfs", "--force", "--quiet"));
        command.addAll(List.of(options.split(" ")));
        command.removeIf(String::isEmpty);
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return image;
    }

    /** What the bitmap says, as {@code ntfscat} finds it. */
    static RangeSet free(Path image, long clusterBytes, long totalBytes) throws IOException {
        Path bitmap = image.resolveSibling("bitmap");
        ExternalTool.run("sh", "-c", "ntfscat -f -i 6 \"$1\" > \"$2\"", "sh", image.toString(), bitmap.toString());
        byte[] bytes = Files.readAllBytes(bitmap);
        RangeSet.Builder free = RangeSet.builder();
        for (long cluster = 0; cluster < totalBytes / clusterBytes; cluster++) {
            if ((bytes[(int) (cluster / 8)] >> cluster % 8 & 1) == 0) {
                free.add(cluster * clusterBytes, clusterBytes);
            }
        }
        return free.build();
    }

    /** Free clusters as {@code ntfsinfo} counts them, in bytes. */
    static long freeBytes(Path image) throws IOException {
        String said = ExternalTool.run("ntfsinfo", "-f", "-m", image.toString());
        return Math.multiplyExact(number(FREE, said), number(CLUSTER, said));
    }

    /** What the two checkers say of an image, without their guesses and figures that depend on time. */
    static String check(Path image) throws IOException {
        ExternalTool.Result resize =
                ExternalTool.attempt("", "ntfsresize", "--info", "--force", "--no-progress-bar", image.toString());
        ExternalTool.Result fix = ExternalTool.attempt("", "ntfsfix", "--no-action", image.toString());
        return "%d %s%n%d %s".formatted(resize.exitCode(), resize.output(), fix.exitCode(), fix.output());
    }

    /** Both checkers are satisfied, without being forced. */
    static void assertClean(Path image) throws IOException {
        ExternalTool.Result resize =
                ExternalTool.attempt("", "ntfsresize", "--info", "--no-progress-bar", image.toString());
        // Behind its accounting of all clusters, ntfsresize refuses what it could not resize.
        boolean accounted = resize.exitCode() == 0 || resize.output().contains("Highly fragmented $Bitmap");
        assertTrue(accounted, resize::output);
        ExternalTool.Result fix = ExternalTool.attempt("", "ntfsfix", "--no-action", image.toString());
        assertTrue(fix.exitCode() == 0, fix::output);
    }

    private static long number(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        assertTrue(matcher.find(), text);
        return Long.parseLong(matcher.group(1));
    }
}
