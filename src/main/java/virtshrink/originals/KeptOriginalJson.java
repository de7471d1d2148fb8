package virtshrink.originals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.image.FileStamp;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImagePlace;
import virtshrink.originals.KeptOriginal.Stage;
import virtshrink.os.ProcessIdentity;
import virtshrink.shrink.KeepOriginal;

/** Records as JSON objects. The names are a contract with files of earlier versions; existing ones never change. */
final class KeptOriginalJson {
    private KeptOriginalJson() {}

    static String write(KeptOriginal kept) throws IOException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", kept.id());
        json.put("stage", kept.stage().name());
        json.put("owner", kept.owner().pid() + " " + kept.owner().startTicks());
        json.put("since", kept.since().toString());
        json.put("uuid", kept.uuid().toString());
        json.put("domain", kept.domain());
        json.put("target", kept.target());
        json.put("image", kept.image().file().toString());
        json.put("imageFormat", kept.image().format().qemuName());
        json.put("original", kept.original().file().toString());
        json.put("originalFormat", kept.original().format().qemuName());
        json.put("stamp", text(kept.stamp()));
        kept.replacement().ifPresent(stamp -> json.put("replacement", text(stamp)));
        json.put("keep", kept.keep().text());
        return JSON.std.asString(json) + "\n";
    }

    private static String text(FileStamp stamp) {
        return "%d %d %d %d %d"
                .formatted(stamp.device(), stamp.inode(), stamp.sizeBytes(), stamp.mtimeSeconds(), stamp.mtimeNanos());
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws IOException if it is anything else
     */
    static KeptOriginal read(String text) throws IOException {
        try {
            Map<String, Object> json = JSON.std.mapFrom(text);
            long[] owner = numbers(field(json, "owner"), 2);
            return new KeptOriginal(
                    field(json, "id"),
                    Stage.valueOf(field(json, "stage")),
                    new ProcessIdentity(owner[0], owner[1]),
                    Instant.parse(field(json, "since")),
                    UUID.fromString(field(json, "uuid")),
                    field(json, "domain"),
                    field(json, "target"),
                    place(json, "image"),
                    place(json, "original"),
                    stamp(field(json, "stamp")),
                    json.containsKey("replacement") ? Optional.of(stamp(field(json, "replacement"))) : Optional.empty(),
                    KeepOriginal.parse(field(json, "keep")));
        } catch (IllegalArgumentException | ArithmeticException | DateTimeException notOurs) {
            throw new IOException("it is no record of a kept original: " + notOurs.getMessage(), notOurs);
        }
    }

    private static String field(Map<String, Object> json, String name) throws IOException {
        if (json.get(name) instanceof String text) {
            return text;
        }
        throw new IOException("it has no text " + name);
    }

    private static ImagePlace place(Map<String, Object> json, String name) throws IOException {
        Path file = Path.of(field(json, name));
        Optional<ImageFormat> format = ImageFormat.ofQemuName(field(json, name + "Format"));
        if (!file.isAbsolute() || format.isEmpty()) {
            throw new IOException("its " + name + " is no absolute path with a known format");
        }
        return new ImagePlace(file, format.get());
    }

    private static FileStamp stamp(String text) throws IOException {
        long[] numbers = numbers(text, 5);
        return new FileStamp(numbers[0], numbers[1], numbers[2], numbers[3], Math.toIntExact(numbers[4]));
    }

    private static long[] numbers(String text, int count) throws IOException {
        String[] words = text.split(" ", -1);
        if (words.length != count) {
            throw new IOException("'" + text + "' are not " + count + " numbers");
        }
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = Long.parseLong(words[i]);
        }
        return numbers;
    }
}
