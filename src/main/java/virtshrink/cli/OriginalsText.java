package virtshrink.cli;

import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import virtshrink.originals.KeptOriginal;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;

/** What {@code restore} prints. The names of its JSON are a contract with scripts; existing ones never change. */
final class OriginalsText {
    private static final DateTimeFormatter LOCAL =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm", Locale.ROOT).withZone(ZoneId.systemDefault());

    private final Screen screen;
    private final boolean json;

    OriginalsText(Screen screen, boolean json) {
        this.screen = screen;
        this.json = json;
    }

    /** What is kept. */
    void print(List<KeptOriginal> originals) {
        if (json) {
            screen.out()
                    .println(Json.line(Map.of(
                            "originals",
                            originals.stream().map(OriginalsText::json).toList())));
            return;
        }
        if (originals.isEmpty()) {
            screen.out().println("no originals are kept");
            return;
        }
        Table table = Table.of(
                Table.left("SINCE"),
                Table.left("DOMAIN"),
                Table.left("DISK"),
                Table.right("TAKES"),
                Table.left("KEPT"),
                Table.left("ORIGINAL"));
        for (KeptOriginal kept : originals) {
            table.row(
                    LOCAL.format(kept.since()),
                    SafeText.of(kept.domain()),
                    SafeText.of(kept.target()),
                    allocatedBytes(kept).map(ByteText::of).orElse("gone"),
                    kept.stage() == KeptOriginal.Stage.KEPT
                            ? kept.keep().text()
                            : kept.stage().name().toLowerCase(Locale.ROOT),
                    SafeText.of(kept.original().file().toString()));
        }
        table.lines("", screen.outStyle()).forEach(screen.out()::println);
    }

    /** What became of one disk, for a person. */
    void print(RestoreCommand.RestoredDisk disk) {
        if (json) {
            return;
        }
        KeptOriginal kept = disk.kept();
        String subject = SafeText.of(kept.domain() + " " + kept.target());
        if (disk.exitCode() == ExitCode.DONE) {
            String place = kept.converted()
                    ? kept.original().file() + " again, the raw disk"
                    : kept.image().file() + ", and is the original of " + LOCAL.format(kept.since()) + " again";
            screen.out().println(subject + ": is " + SafeText.of(place));
        } else {
            screen.err().println("virt-shrink: " + subject + ": not restored: " + SafeText.of(disk.reason()));
        }
        disk.notes().forEach(note -> screen.err().println("virt-shrink: " + subject + ": " + SafeText.of(note)));
    }

    /** All that was done, for a program. */
    void printJson(String domain, List<RestoreCommand.RestoredDisk> disks) {
        if (!json) {
            return;
        }
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("domain", domain);
        object.put("disks", disks.stream().map(OriginalsText::json).toList());
        screen.out().println(Json.line(object));
    }

    private static Map<String, Object> json(RestoreCommand.RestoredDisk disk) {
        Map<String, Object> object = json(disk.kept());
        object.put(
                "outcome",
                disk.exitCode() == ExitCode.DONE
                        ? "restored"
                        : disk.exitCode().name().toLowerCase(Locale.ROOT));
        object.put("reason", disk.reason());
        object.put("notes", disk.notes());
        return object;
    }

    private static Map<String, Object> json(KeptOriginal kept) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("domain", kept.domain());
        object.put("uuid", kept.uuid().toString());
        object.put("target", kept.target());
        object.put("image", kept.image().file().toString());
        object.put("format", kept.image().format().qemuName());
        object.put("original", kept.original().file().toString());
        object.put("originalFormat", kept.original().format().qemuName());
        object.put("since", kept.since().toString());
        object.put("keep", kept.keep().text());
        object.put("stage", kept.stage().name().toLowerCase(Locale.ROOT));
        object.put("allocatedBytes", allocatedBytes(kept).orElse(0L));
        return object;
    }

    /** Empty if it is not there. */
    private static Optional<Long> allocatedBytes(KeptOriginal kept) {
        try {
            return Optional.of(FileStatus.of(kept.original().file()).allocatedBytes());
        } catch (OsException gone) {
            return Optional.empty();
        }
    }
}
