package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import virtshrink.image.NbdDevice;

/** A directory that looks as {@code /sys/block} does where the NBD driver is loaded. */
final class FakeSystem {
    final Path directory;

    FakeSystem(Path directory) {
        this.directory = directory;
    }

    /** A device that nothing is connected to. */
    NbdDevice device(String name) throws IOException {
        Files.createDirectories(directory.resolve(name));
        set(name, "size", "0");
        set(name, "ro", "0");
        return new NbdDevice(directory, name);
    }

    void set(String name, String attribute, String value) throws IOException {
        Files.writeString(directory.resolve(name).resolve(attribute), value + "\n");
    }

    /** As the driver does it: by a thread of a process. */
    void connect(String name, long thread, long sizeBytes) throws IOException {
        set(name, "size", Long.toString(sizeBytes / 512));
        set(name, "pid", Long.toString(thread));
    }

    void disconnect(String name) throws IOException {
        Files.deleteIfExists(directory.resolve(name).resolve("pid"));
        set(name, "size", "0");
    }
}
