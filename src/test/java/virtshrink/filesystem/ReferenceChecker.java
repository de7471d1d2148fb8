package virtshrink.filesystem;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import virtshrink.block.ExternalTool;

/** The checker that a filesystem's own makers give out, asked to change nothing. */
public final class ReferenceChecker {
    private static final Map<String, ReferenceChecker> BY_TYPE = Map.of(
            "ext4", of("e2fsprogs", "e2fsck -fn"),
            "xfs", of("xfsprogs", "xfs_repair -n -f -o force_geometry"),
            "ntfs", of("ntfs-3g", "ntfsresize --info --force", "ntfsfix --no-action"),
            "vfat", of("dosfstools", "fsck.fat -n -v"),
            "exfat", of("exfatprogs", "fsck.exfat -n"),
            "btrfs", of("btrfs-progs", "btrfs check --readonly --force --check-data-csum"),
            "f2fs", of("f2fs-tools", "fsck.f2fs --dry-run"));

    private final String debianPackage;
    private final List<List<String>> commands;

    private ReferenceChecker(String debianPackage, List<List<String>> commands) {
        this.debianPackage = debianPackage;
        this.commands = commands;
    }

    private static ReferenceChecker of(String debianPackage, String... commands) {
        return new ReferenceChecker(
                debianPackage,
                Stream.of(commands)
                        .map(command -> List.of(command.split(" ", -1)))
                        .toList());
    }

    /** For a type as {@link FilesystemIdentity#type} names it; empty where there is no checker. */
    public static Optional<ReferenceChecker> of(String type) {
        return Optional.ofNullable(BY_TYPE.get(type.startsWith("ext") && !type.equals("exfat") ? "ext4" : type));
    }

    /** What was said of an image, and whether it was called clean. */
    public record Verdict(boolean clean, String text) {}

    /** Checks a file that holds the filesystem and nothing else; skips the test where the tool is absent. */
    public Verdict check(Path image) throws IOException {
        boolean clean = true;
        List<String> said = new ArrayList<>();
        for (List<String> command : commands) {
            ExternalTool.assume(command.get(0), debianPackage);
            List<String> whole = new ArrayList<>(command);
            whole.add(image.toString());
            ExternalTool.Result result = ExternalTool.attempt("", whole.toArray(String[]::new));
            clean &= result.exitCode() == 0;
            said.add(comparable(result.output()) + "\nexit " + result.exitCode());
        }
        return new Verdict(clean, String.join("\n", said));
    }

    /** Without what differs from run to run: times, and the order in which threads speak. */
    private static String comparable(String output) {
        return output.lines()
                .map(line -> line.replaceAll(".*\r", "").replaceAll("[0-9.]+ secs", "N secs"))
                .filter(line -> !line.startsWith("Done:") && !line.contains("Elapsed") && !line.isBlank())
                .sorted()
                .collect(Collectors.joining("\n"));
    }
}
