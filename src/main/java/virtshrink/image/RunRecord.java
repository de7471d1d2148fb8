package virtshrink.image;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.os.ProcessIdentity;

/**
 * What a run has said of itself.
 *
 * @param owner the process whose life is the run's life
 * @param image the file it works on
 * @param children processes that must not outlive it
 */
record RunRecord(String id, ProcessIdentity owner, Path image, List<ProcessIdentity> children) {
    static final String FILE_NAME = "run.json";

    RunRecord {
        children = List.copyOf(children);
    }

    String toJson() throws IOException {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", id);
        fields.put("pid", owner.pid());
        fields.put("startTicks", owner.startTicks());
        fields.put("image", image.toString());
        fields.put(
                "children",
                children.stream()
                        .map(child -> Map.of("pid", child.pid(), "startTicks", child.startTicks()))
                        .toList());
        return JSON.std.asString(fields);
    }

    /** What the run in this directory said; empty if it died before it could, or said nothing understandable. */
    static Optional<RunRecord> read(Path directory) throws IOException {
        try {
            Map<String, Object> fields = JSON.std.mapFrom(Files.readString(directory.resolve(FILE_NAME)));
            List<ProcessIdentity> children = new ArrayList<>();
            if (fields.get("children") instanceof List<?> list) {
                for (Object child : list) {
                    if (child instanceof Map<?, ?> map) {
                        process(map).ifPresent(children::add);
                    }
                }
            }
            Optional<ProcessIdentity> owner = process(fields);
            return owner.isPresent() && fields.get("image") instanceof String image
                    ? Optional.of(new RunRecord(
                            String.valueOf(directory.getFileName()), owner.get(), Path.of(image), children))
                    : Optional.empty();
        } catch (NoSuchFileException | CharacterCodingException | InvalidPathException | JacksonException unreadable) {
            return Optional.empty();
        }
    }

    private static Optional<ProcessIdentity> process(Map<?, ?> fields) {
        return fields.get("pid") instanceof Number pid && fields.get("startTicks") instanceof Number ticks
                ? Optional.of(new ProcessIdentity(pid.longValue(), ticks.longValue()))
                : Optional.empty();
    }

    /** Removes a run's directory and what it holds; it holds no directories. */
    static void removeDirectory(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                Files.deleteIfExists(entry);
            }
        } catch (NoSuchFileException gone) {
            return;
        }
        Files.deleteIfExists(directory);
    }
}
