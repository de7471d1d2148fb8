package virtshrink.image;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Real tools and real images for tests. */
final class Tools {
    static final ChildProcessFactory CHILDREN = new ChildProcessFactory();
    static final QemuImg QEMU_IMG = new QemuImg(CHILDREN);

    private Tools() {}

    static void require(String tool, String debianPackage) {
        assumeTrue(CHILDREN.isInstalled(tool), tool + " is not installed (package " + debianPackage + ")");
    }

    static void requireQemuImg() {
        require("qemu-img", "qemu-utils");
    }

    /** Runs a command in a directory and wants success; gives its output, both streams. */
    static String run(Path directory, String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
            process.destroyForcibly();
            throw new IOException(String.join(" ", command) + ": " + output);
        }
        return output;
    }

    /** A qcow2 image made by qemu-img: options, name and size as its create takes them. */
    static Path qcow2(Path directory, String name, String size, String... options)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("qemu-img", "create", "-q", "-f", "qcow2"));
        command.addAll(List.of(options));
        command.addAll(List.of(name, size));
        run(directory, command.toArray(String[]::new));
        return directory.resolve(name);
    }

    /** An overlay with the backing name as given. */
    static Path overlay(Path directory, String name, String backingName, String... options)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("qemu-img", "create", "-q", "-f", "qcow2"));
        command.addAll(List.of(options));
        command.addAll(List.of("-b", backingName, "-F", "qcow2", name));
        run(directory, command.toArray(String[]::new));
        return directory.resolve(name);
    }

    /** Writes through qemu-io: {@code write -P 7 0 64k}. */
    static void qemuIo(Path image, String... commands) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("qemu-io", "-f", "qcow2"));
        for (String each : commands) {
            command.addAll(List.of("-c", each));
        }
        command.add(image.toString());
        run(image.getParent(), command.toArray(String[]::new));
    }

    /** Overwrites bytes of a file. */
    static void patch(Path file, long at, int... bytes) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.seek(at);
            for (int b : bytes) {
                open.write(b);
            }
        }
    }

    /** Puts an executable shell script beside others, for {@link ToolPaths#preferring}. */
    static void script(Path directory, String name, String body) throws IOException {
        Path script = directory.resolve(name);
        Files.writeString(script, "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    }

    static ChildProcessFactory scripted(Path directory) {
        return new ChildProcessFactory(
                ToolPaths.preferring(directory), ChildListener.NONE, ChildProcessFactory.DEFAULT_MEMORY_BYTES);
    }
}
