package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.DoubleConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code qemu-img}, typed. Every image is named by an absolute path and its format; nothing is probed. Failures are {@link
 * ToolFailedException}. Thread-safe.
 *
 * <p>Opening follows the header: callers judge an image before they let qemu open it.
 */
public final class QemuImg {
    private static final String TOOL = "qemu-img";
    private static final Pattern PROGRESS = Pattern.compile("\\(\\s*(\\d{1,3}(?:\\.\\d{1,4})?)/100%\\)");
    private static final long MOST_EXTENTS = 100_000_000;
    private static final int NOT_SUPPORTED = 63;

    /** Name of the one group that all images of a command are in. */
    private static final String THROTTLE = "pace";

    private final ChildProcessFactory children;
    private final OptionalLong bytesPerSecond;
    private final Duration quickLimit;
    private final Duration longLimit;

    /**
     * @param quickLimit for what reads or writes metadata of fixed size
     * @param longLimit for what goes through a whole image
     */
    public QemuImg(ChildProcessFactory children, Duration quickLimit, Duration longLimit) {
        this(children, OptionalLong.empty(), quickLimit, longLimit);
    }

    private QemuImg(
            ChildProcessFactory children, OptionalLong bytesPerSecond, Duration quickLimit, Duration longLimit) {
        this.children = children;
        this.bytesPerSecond = bytesPerSecond;
        this.quickLimit = quickLimit;
        this.longLimit = longLimit;
    }

    /** With limits that only a hanging disk exceeds: five minutes, and a day. */
    public QemuImg(ChildProcessFactory children) {
        this(children, OptionalLong.empty());
    }

    /**
     * As {@link #QemuImg(ChildProcessFactory)}, with a limit of the data that a conversion writes, a comparison reads from both images together
     * and a change of the backing file writes. At such a rate the long limit is none, so it is not kept.
     */
    QemuImg(ChildProcessFactory children, OptionalLong bytesPerSecond) {
        this(
                children,
                bytesPerSecond,
                Duration.ofMinutes(5),
                bytesPerSecond.isPresent() ? Duration.ofDays(3650) : Duration.ofDays(1));
    }

    /** Sizes and bitmaps; opens no backing file, and keeps nobody from writing. */
    public ImageInfo info(Path image, ImageFormat format) throws IOException {
        return ImageInfo.of(QemuAnswer.parse(quick(List.of(
                        "info",
                        "--output=json",
                        ImageNode.alone(image, format).yielding().argument()))
                .require(0)));
    }

    /**
     * Consistency of the image's own metadata; opens no backing file, repairs nothing. Keeps nobody from writing, however long it takes: the
     * answer can be relied upon only where the caller does.
     *
     * @return empty if there is no check for the format
     */
    public Optional<ImageCheck> check(Path image, ImageFormat format) throws IOException {
        ChildResult result = children.run(
                TOOL,
                List.of(
                        "check",
                        "--output=json",
                        ImageNode.alone(image, format).yielding().argument()),
                longLimit);
        // 2 means corruptions, 3 leaks only: both with an answer that counts them.
        return result.exitCode() == NOT_SUPPORTED
                ? Optional.empty()
                : Optional.of(ImageCheck.of(QemuAnswer.parse(result.require(0, 2, 3))));
    }

    /**
     * Makes an empty image.
     *
     * @param options as of {@code -o}, one {@code name=value} each
     * @param backing its name as it is to be written into the header, and its format
     * @param virtualBytes may be absent if there is a backing file, whose size it then has
     */
    public void create(
            Path image,
            ImageFormat format,
            List<String> options,
            Optional<BackingReference> backing,
            OptionalLong virtualBytes)
            throws IOException {
        List<String> arguments = new ArrayList<>(List.of("create", "-q", "-f", format.qemuName()));
        options.forEach(option -> arguments.addAll(List.of("-o", escaped(option))));
        backing.ifPresent(
                b -> arguments.addAll(List.of("-b", b.name(), "-F", b.format().qemuName())));
        arguments.addAll(List.of("--", ToolArgument.of(image)));
        virtualBytes.ifPresent(bytes -> arguments.add(Long.toString(bytes)));
        quick(arguments).require(0);
    }

    /**
     * Copies an image into a new file.
     *
     * @param flags further arguments of {@code convert}, such as {@code -m 8}; what they hold is the caller's to vouch for
     * @param options of the target as of {@code -o}
     * @param percent told of progress, 0 to 100, from another thread
     */
    public void convert(
            ImageNode source,
            Path target,
            ImageFormat targetFormat,
            List<String> flags,
            List<String> options,
            DoubleConsumer percent)
            throws IOException {
        List<String> arguments = new ArrayList<>(List.of("convert", "-p", "-O", targetFormat.qemuName()));
        // Ignored together with -C, which copies no data as long as the blocks can be shared.
        bytesPerSecond.ifPresent(rate -> arguments.addAll(List.of("-r", Long.toString(rate))));
        arguments.addAll(flags);
        options.forEach(option -> arguments.addAll(List.of("-o", escaped(option))));
        arguments.addAll(List.of("--", source.argument(), ToolArgument.of(target)));
        withProgress(arguments, percent).require(0);
    }

    /** Hands over every extent of the guest's disk in order, from another thread, before this returns. */
    public void map(ImageNode image, Consumer<MapExtent> consumer) throws IOException {
        try (ChildProcess child = children.start(
                TOOL,
                List.of("map", "--output=json", image.argument()),
                stdout -> new MapParser(MOST_EXTENTS, consumer).read(stdout))) {
            child.waitFor(longLimit).require(0);
        }
    }

    /** Adds an empty bitmap with the name, granularity and state of the given one. */
    public void addBitmap(Path image, PersistentBitmap bitmap) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("bitmap", "--add"));
        if (!bitmap.enabled()) {
            arguments.add("--disable");
        }
        arguments.addAll(List.of("-g", Long.toString(bitmap.granularityBytes()), "-f", ImageFormat.QCOW2.qemuName()));
        arguments.addAll(List.of("--", ToolArgument.of(image), bitmap.name()));
        quick(arguments).require(0);
    }

    /** Adds the bits of another qcow2 image's bitmap to the bitmap of the same name. */
    public void mergeBitmap(Path image, Path source, String name) throws IOException {
        quick(List.of(
                        "bitmap",
                        "--merge=" + name,
                        "-b",
                        ToolArgument.of(source),
                        "-F",
                        ImageFormat.QCOW2.qemuName(),
                        "-f",
                        ImageFormat.QCOW2.qemuName(),
                        "--",
                        ToolArgument.of(image),
                        name))
                .require(0);
    }

    /**
     * Gives a qcow2 image another backing file, or none, and keeps what the guest sees: what differs is copied into it.
     *
     * @param backing absolute, if there is a limit of data per second: qemu-img knows no directory of a throttled image
     * @param percent told of progress, 0 to 100, from another thread
     */
    public void rebase(ImageNode image, Optional<BackingReference> backing, DoubleConsumer percent) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("rebase", "-p"));
        arguments.addAll(throttleGroup());
        arguments.addAll(List.of("-b", backing.map(BackingReference::name).orElse("")));
        backing.ifPresent(b -> arguments.addAll(List.of("-F", b.format().qemuName())));
        arguments.addAll(List.of("--", throttled(image)));
        withProgress(arguments, percent).require(0);
    }

    /**
     * Compares what the guest sees in two images; where one is longer, the rest must read as zero.
     *
     * @return what differs, empty if nothing does
     */
    public Optional<String> difference(ImageNode one, ImageNode other, DoubleConsumer percent) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("compare", "-p"));
        arguments.addAll(throttleGroup());
        arguments.addAll(List.of("--", throttled(one), throttled(other)));
        ChildResult result = withProgress(arguments, percent).require(0, 1);
        return result.exitCode() == 0 ? Optional.empty() : Optional.of(lastWords(result));
    }

    private List<String> throttleGroup() {
        return bytesPerSecond.isPresent()
                ? List.of(
                        "--object",
                        "throttle-group,id=%s,x-bps-total=%d".formatted(THROTTLE, bytesPerSecond.getAsLong()))
                : List.of();
    }

    private String throttled(ImageNode image) {
        return bytesPerSecond.isPresent() ? image.argumentThrottledBy(THROTTLE) : image.argument();
    }

    private ChildResult quick(List<String> arguments) throws IOException {
        return children.run(TOOL, arguments, quickLimit);
    }

    /** The result's standard output is what was no progress. */
    private ChildResult withProgress(List<String> arguments, DoubleConsumer percent) throws IOException {
        StringBuilder words = new StringBuilder(); // read only when the reader has ended
        OutputReader reader = OutputReader.lines(piece -> {
            Matcher matcher = PROGRESS.matcher(piece);
            if (matcher.find()) {
                percent.accept(Double.parseDouble(matcher.group(1)));
            } else if (words.length() < 4096 && !piece.isBlank()) {
                words.append(piece.strip()).append('\n');
            }
        });
        try (ChildProcess child = children.start(TOOL, arguments, reader)) {
            ChildResult result = child.waitFor(longLimit);
            return new ChildResult(result.command(), result.exitCode(), words.toString(), result.stderrTail());
        }
    }

    private static String lastWords(ChildResult result) {
        String words = result.stdout().strip().replace('\n', ' ');
        return words.isEmpty() ? "the images differ" : Printable.of(words);
    }

    /** In an option list a comma is written twice. */
    private static String escaped(String option) {
        return option.replace(",", ",,");
    }
}
