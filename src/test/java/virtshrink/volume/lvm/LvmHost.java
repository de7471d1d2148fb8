package virtshrink.volume.lvm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import virtshrink.block.ExternalTool;

/**
 * The tools of lvm2 at work on sparse files, behind loop devices, with a configuration of their own and without device-mapper: they write
 * metadata and activate nothing.
 */
public final class LvmHost implements AutoCloseable {
    private final Path directory;
    private final List<Path> files = new ArrayList<>();
    private final List<String> devices = new ArrayList<>();
    private final List<String> hidden = new ArrayList<>();

    /** Skips the test where lvm2 or loop devices are missing. */
    public LvmHost(Path directory) throws IOException {
        ExternalTool.assume("lvm", "lvm2");
        ExternalTool.assumeRoot();
        this.directory = Files.createDirectories(directory);
    }

    /** A new device; its number, from 0. */
    public int add(long sizeBytes) throws IOException {
        return add(ExternalTool.sparse(directory.resolve("disk" + files.size()), sizeBytes), 0);
    }

    /** A device that begins inside of a file. */
    public int add(Path file, long offsetBytes) throws IOException {
        files.add(file);
        devices.add(ExternalTool.run("losetup", "-f", "--show", "-o", Long.toString(offsetBytes), file.toString())
                .strip());
        return devices.size() - 1;
    }

    /** As above, and no further than the given length. */
    public int add(Path file, long offsetBytes, long lengthBytes) throws IOException {
        files.add(file);
        devices.add(ExternalTool.run(
                        "losetup",
                        "-f",
                        "--show",
                        "-o",
                        Long.toString(offsetBytes),
                        "--sizelimit",
                        Long.toString(lengthBytes),
                        file.toString())
                .strip());
        return devices.size() - 1;
    }

    public Path file(int device) {
        return files.get(device);
    }

    public String device(int device) {
        return devices.get(device);
    }

    /** From here on the tools do not see this device, as if it were away. */
    public void hide(int device) {
        hidden.add(devices.get(device));
    }

    public void unhide() {
        hidden.clear();
    }

    /**
     * Runs a command of lvm2, such as {@code lvcreate -an -L 8M -n a vg}; a word {@code @0} means the first device.
     *
     * @return its output without warnings
     */
    public String lvm(String command) throws IOException {
        ExternalTool.Result result = attempt(command);
        if (result.exitCode() != 0) {
            throw new AssertionError(command + " ended with " + result.exitCode() + ": " + result.output());
        }
        return result.output();
    }

    public ExternalTool.Result attempt(String command) throws IOException {
        List<String> words = new ArrayList<>(List.of("env", "LVM_SUPPRESS_FD_WARNINGS=1"));
        words.add("LVM_SYSTEM_DIR=" + configuration());
        words.add("lvm");
        words.addAll(Arrays.stream(command.split(" ")).map(this::named).toList());
        words.add("--driverloaded");
        words.add("n");
        ExternalTool.Result result = ExternalTool.attempt("", words.toArray(String[]::new));
        String output = result.output()
                .lines()
                .filter(line -> !line.contains("WARNING") && !line.contains("device-mapper"))
                .collect(Collectors.joining("\n"));
        return new ExternalTool.Result(result.exitCode(), output);
    }

    /** What a report command prints, a row a line, its columns separated by bars, sizes in bytes. */
    public List<String> report(String command) throws IOException {
        return lvm(command + " --noheadings --nosuffix --units b --separator |")
                .lines()
                .map(String::strip)
                .filter(line -> line.contains("|"))
                .toList();
    }

    /**
     * Writes metadata that the tools would not make without device-mapper: an edited backup is restored.
     *
     * @param logicalVolumes sections as in the text, added to those that are there
     */
    public void addToText(String group, String logicalVolumes) throws IOException {
        editText(group, text -> {
            String head = "logical_volumes {";
            if (!text.contains(head)) {
                int end = text.lastIndexOf('}');
                return text.substring(0, end) + head + "\n" + logicalVolumes + "\n}\n}\n";
            }
            return text.replace(head, head + "\n" + logicalVolumes);
        });
    }

    public void editText(String group, UnaryOperator<String> change) throws IOException {
        Path backup = directory.resolve("backup.txt");
        Files.deleteIfExists(backup);
        lvm("vgcfgbackup -f " + backup + " " + group);
        Files.writeString(backup, change.apply(Files.readString(backup)));
        lvm("vgcfgrestore --force -y -f " + backup + " " + group);
    }

    private String named(String word) {
        String named = word;
        for (int device = devices.size() - 1; device >= 0; device--) {
            named = named.replace("@" + device, devices.get(device));
        }
        return named;
    }

    private Path configuration() throws IOException {
        String allowed = devices.stream()
                .filter(device -> !hidden.contains(device))
                .map("\"a|^%s$|\", "::formatted)
                .collect(Collectors.joining());
        Path system = Files.createDirectories(directory.resolve("etc"));
        Files.writeString(system.resolve("lvm.conf"), """
                devices {
                  filter = [ %1$s"r|.*|" ]
                  global_filter = [ %1$s"r|.*|" ]
                  use_devicesfile = 0
                  obtain_device_list_from_udev = 0
                  external_device_info_source = "none"
                  hints = "none"
                }
                activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
                global { use_lvmpolld = 0 event_activation = 0 locking_dir = "%2$s/lock" }
                backup { backup = 0 archive = 0 backup_dir = "%2$s/backup" archive_dir = "%2$s/archive" }
                """.formatted(allowed, system));
        return system;
    }

    @Override
    public void close() throws IOException {
        for (String device : devices) {
            ExternalTool.run("losetup", "-d", device);
        }
        devices.clear();
    }
}
