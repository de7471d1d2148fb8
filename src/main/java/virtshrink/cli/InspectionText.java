package virtshrink.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.job.JsonReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/** What lies on a disk, as a table and the reasons under it. */
final class InspectionText {
    private static final int LABEL_COLUMNS = 24;
    private static final int DEVICE_COLUMNS = 40;

    private final Style style;

    InspectionText(Style style) {
        this.style = style;
    }

    /** What {@code inspect} prints. */
    List<String> lines(Path image, ImageFormat format, DiskInspection disk) {
        List<String> lines = new ArrayList<>();
        lines.add(style.bold(SafeText.of(image.toString())) + "  "
                + style.faint(String.join(
                        " " + style.glyphs().dot() + " ",
                        format.qemuName(),
                        ByteText.of(disk.virtualBytes()),
                        tableName(disk))));
        lines.add("");
        lines.addAll(filesystems(disk, Optional.empty()));
        lines.addAll(leftAlone(disk));
        lines.addAll(replayed(disk));
        return lines;
    }

    private static List<String> replayed(DiskInspection disk) {
        List<String> lines = new ArrayList<>();
        for (FilesystemFinding finding : disk.filesystems()) {
            finding.replayed().ifPresent(what -> lines.add("  note  " + SafeText.of(finding.device()) + ": " + what));
        }
        if (!lines.isEmpty()) {
            lines.add(0, "");
        }
        return lines;
    }

    /**
     * A row for each filesystem.
     *
     * @param gains what each can give back, where an estimate was made; adds the column
     */
    List<String> filesystems(DiskInspection disk, Optional<List<FilesystemGain>> gains) {
        if (disk.filesystems().isEmpty()) {
            return List.of("  no filesystem found");
        }
        List<Table.Column> columns = new ArrayList<>(List.of(
                Table.left("DEVICE"),
                Table.left("TYPE"),
                Table.left("LABEL"),
                Table.right("SIZE"),
                Table.right("FREE")));
        columns.add(gains.isPresent() ? Table.right("RECLAIMABLE") : Table.left("STATE"));
        Table table = Table.of(columns.toArray(Table.Column[]::new));
        for (FilesystemFinding finding : disk.filesystems()) {
            FilesystemIdentity identity = finding.identity();
            long size = identity.totalBytes() > 0
                    ? identity.totalBytes()
                    : finding.place().lengthBytes();
            String none = style.glyphs().none();
            table.row(
                    SafeText.of(finding.device(), DEVICE_COLUMNS, style.glyphs()),
                    SafeText.of(identity.type(), LABEL_COLUMNS, style.glyphs()),
                    SafeText.of(identity.label(), LABEL_COLUMNS, style.glyphs()),
                    ByteText.of(size),
                    finding.freeBytes().isPresent()
                            ? ByteText.of(finding.freeBytes().getAsLong())
                            : none,
                    gains.map(list -> JsonReport.gainOf(finding.device(), list)
                                    .map(ByteText::of)
                                    .orElse(none))
                            .orElse(finding.state().contractName()));
        }
        return table.lines("  ", style);
    }

    /** Why anything was left alone: the disk, then filesystem by filesystem. */
    List<String> leftAlone(DiskInspection disk) {
        List<String> lines = new ArrayList<>();
        disk.refusal()
                .ifPresent(reason ->
                        lines.add("  " + style.warning("whole disk left alone") + "  " + SafeText.of(reason)));
        for (FilesystemFinding finding : disk.filesystems()) {
            String reason = finding.state().reasonText();
            // A note of the run says whether it was mounted and filled, or why not.
            boolean asked = finding.state() instanceof FilesystemState.Unsupported unsupported && unsupported.closed();
            if (!reason.isEmpty() && !asked) {
                lines.add("  " + style.warning("left alone") + "  " + SafeText.of(finding.device()) + ": "
                        + SafeText.of(reason));
            }
        }
        if (!lines.isEmpty()) {
            lines.add(0, "");
        }
        return lines;
    }

    private static String tableName(DiskInspection disk) {
        return disk.partitionTable().equals("none")
                ? "no partition table"
                : SafeText.of(disk.partitionTable()) + " partition table";
    }
}
