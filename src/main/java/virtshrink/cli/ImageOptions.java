package virtshrink.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.ShrinkRequest;

/** What is to become of one image file. */
final class ImageOptions {
    @Option(
            names = "--format",
            paramLabel = "F",
            converter = ImageFormats.Converter.class,
            description = "Format of IMAGE (default: qcow2 for .qcow2, raw for .raw and .img; never guessed).")
    private @Nullable ImageFormat format;

    @Option(
            names = "--convert",
            paramLabel = "F",
            converter = ImageFormats.Converter.class,
            description = "Format of the result (default: that of IMAGE). Without OUTPUT the file keeps its name:"
                    + " whoever uses it must be told.")
    private @Nullable ImageFormat convert;

    @Option(names = "--compress", description = "Compress the result (qcow2).")
    private boolean compress;

    @Option(names = "-o", paramLabel = "OPTS", description = "Further qemu-img options of the result: KEY=VALUE[,...].")
    private List<String> createOptions = new ArrayList<>();

    @Option(
            names = "--ignore",
            paramLabel = "PARTITION",
            description = "Leave this filesystem alone; repeatable. Named as 'inspect' names it: sda1.")
    private List<String> ignore = new ArrayList<>();

    @Option(
            names = "--zero",
            paramLabel = "PARTITION",
            description = "Give up the whole content of this partition; repeatable.")
    private List<String> zero = new ArrayList<>();

    @Option(
            names = "--in-place",
            description = "Give back the free blocks in the image itself, for hosts without room for a second file."
                    + " This WRITES to the original's free blocks.")
    private boolean inPlace;

    boolean inPlace() {
        return inPlace;
    }

    /**
     * The request that these options make.
     *
     * @throws WrongUsageException if they contradict one another
     */
    ShrinkRequest request(Path image, Optional<Path> output) throws WrongUsageException {
        ImageFormat source = ImageFormats.choose(format, image);
        ImageFormat result = convert == null ? source : convert;
        if (inPlace) {
            checkInPlace(source, output);
        } else if (output.isPresent()) {
            checkOutput(image, output.get(), result);
        } else {
            checkReplacement(source, result);
        }
        require(
                !compress || result == ImageFormat.QCOW2,
                "--compress is for qcow2, the result is " + result.qemuName());
        Set<String> ignored = devices(ignore);
        Set<String> zeroed = devices(zero);
        for (String device : zeroed) {
            require(!ignored.contains(device), "--ignore and --zero both name " + device);
        }
        return ShrinkRequest.of(image, source)
                .changed()
                .output(output)
                .convertTo(Optional.ofNullable(convert))
                .compress(compress)
                .createOptions(createOptions.stream()
                        .flatMap(ImageOptions::singleOptions)
                        .toList())
                .ignore(ignored)
                .zero(zeroed)
                .inPlace(inPlace)
                .build();
    }

    private void checkInPlace(ImageFormat source, Optional<Path> output) throws WrongUsageException {
        require(output.isEmpty(), "--in-place works in IMAGE itself; there can be no OUTPUT");
        require(
                convert == null && !compress && createOptions.isEmpty(),
                "--in-place makes no new file; --convert, --compress and -o do not go with it");
        require(canReplaceItself(source), "--in-place works for qcow2 and raw, not for " + source.qemuName());
    }

    private static void checkOutput(Path image, Path output, ImageFormat result) throws WrongUsageException {
        require(
                !output.toAbsolutePath()
                        .normalize()
                        .equals(image.toAbsolutePath().normalize()),
                "OUTPUT is IMAGE; leave OUTPUT away to shrink the image in place of itself");
        Optional<ImageFormat> looksLike = ImageFormats.byExtension(output);
        // .img is used for everything; the others say what they are, and a name that lies is a trap for whoever comes
        // next.
        boolean lies = looksLike.isPresent()
                && looksLike.get() != result
                && !output.toString().endsWith(".img");
        require(
                !lies,
                "'" + output + "' would hold " + result.qemuName()
                        + "; say which you mean with --convert, or give OUTPUT" + " another name");
    }

    private static void checkReplacement(ImageFormat source, ImageFormat result) throws WrongUsageException {
        require(
                canReplaceItself(source) && (result == source || result == ImageFormat.QCOW2),
                "only qcow2 and raw images can be replaced, by their own format or by qcow2; name an OUTPUT, and --convert for its format");
    }

    private static boolean canReplaceItself(ImageFormat format) {
        return format == ImageFormat.QCOW2 || format == ImageFormat.RAW;
    }

    /** The names as inspections have them: virt-sparsify's {@code /dev/sda1} is our {@code sda1}, and {@code /dev/VG/LV} stays. */
    private static Set<String> devices(List<String> named) {
        Set<String> devices = new LinkedHashSet<>();
        for (String name : named) {
            String rest = name.startsWith("/dev/") ? name.substring("/dev/".length()) : name;
            devices.add(rest.contains("/") ? name : rest);
        }
        return devices;
    }

    /** The options between single commas; a doubled comma belongs to a value. */
    private static Stream<String> singleOptions(String options) {
        return Arrays.stream(options.split("(?<!,),(?!,)")).filter(option -> !option.isEmpty());
    }

    private static void require(boolean holds, String otherwise) throws WrongUsageException {
        if (!holds) {
            throw new WrongUsageException(otherwise);
        }
    }
}
