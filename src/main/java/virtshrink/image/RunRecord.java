package virtshrink.image;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.os.Hosts;
import virtshrink.os.ProcessIdentity;
import virtshrink.os.Renames;

/**
 * What a run has said of itself: a file of plain lines and a symbolic link to each file that it holds: {@code image}, {@code companion-1},
 * {@code companion-2}, … The hook that libvirt calls when a guest starts reads both, and it is a shell script.
 *
 * <pre>
 * boot ID
 * owner PID STARTTICKS
 * domain NAME
 * child PID STARTTICKS
 * device NAME
 * </pre>
 *
 * @param bootId of the host when the run began: the directory may outlast a restart, its processes do not
 * @param owner the process whose life is the run's life
 * @param domain whose disk the image is, if a domain is known
 * @param image the file it works on
 * @param companions files that it keeps others from writing to meanwhile
 * @param children processes that must not outlive it
 * @param devices names of the host's devices, such as {@code nbd0}, that its children attach the disk to
 */
record RunRecord(
        String id,
        String bootId,
        ProcessIdentity owner,
        Optional<String> domain,
        Path image,
        List<Path> companions,
        List<ProcessIdentity> children,
        List<String> devices) {
    private static final String RECORD = "record";
    private static final String IMAGE = "image";
    private static final String COMPANION = "companion-";
    private static final String BOOT = "boot ";
    private static final String OWNER = "owner ";
    private static final String DOMAIN = "domain ";
    private static final String CHILD = "child ";
    private static final String DEVICE = "device ";
    /** More than one is needed only when others add files between the emptying and the removal. */
    private static final int REMOVALS = 10;

    RunRecord {
        companions = List.copyOf(companions);
        children = List.copyOf(children);
        devices = List.copyOf(devices);
    }

    /** Whether its processes can still live. */
    boolean isOfThisBoot() throws IOException {
        return bootId.equals(Hosts.bootId());
    }

    /** Replaces what was said before in one step. */
    void write(Path directory) throws IOException {
        link(directory.resolve(IMAGE), image);
        for (int i = 0; i < companions.size(); i++) {
            link(directory.resolve(COMPANION + (i + 1)), companions.get(i));
        }
        Path fresh = directory.resolve(RECORD + ".new");
        Files.writeString(fresh, text());
        Renames.replace(fresh, directory.resolve(RECORD));
    }

    private static void link(Path link, Path file) throws IOException {
        if (!Files.isSymbolicLink(link)) {
            Files.createSymbolicLink(link, file);
        }
    }

    private String text() {
        StringBuilder text = new StringBuilder(BOOT + bootId + "\n" + line(OWNER, owner));
        // libvirt allows no line ends in names.
        domain.filter(name -> name.indexOf('\n') < 0)
                .ifPresent(name -> text.append(DOMAIN).append(name).append('\n'));
        children.forEach(child -> text.append(line(CHILD, child)));
        devices.forEach(device -> text.append(DEVICE).append(device).append('\n'));
        return text.toString();
    }

    private static String line(String key, ProcessIdentity process) {
        return key + process.pid() + " " + process.startTicks() + "\n";
    }

    /** What the run in this directory said; empty if it died before it could, or said nothing understandable. */
    static Optional<RunRecord> read(Path directory) throws IOException {
        try {
            List<String> lines = Files.readAllLines(directory.resolve(RECORD));
            List<ProcessIdentity> owners = processes(lines, OWNER);
            Optional<String> bootId = value(lines, BOOT);
            if (owners.size() != 1 || bootId.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(new RunRecord(
                    String.valueOf(directory.getFileName()),
                    bootId.get(),
                    owners.get(0),
                    value(lines, DOMAIN),
                    Files.readSymbolicLink(directory.resolve(IMAGE)),
                    companions(directory),
                    processes(lines, CHILD),
                    values(lines, DEVICE).stream().filter(NbdDevice::isName).toList()));
        } catch (NoSuchFileException | NotLinkException | CharacterCodingException | NumberFormatException unreadable) {
            return Optional.empty();
        }
    }

    private static List<Path> companions(Path directory) throws IOException {
        List<Path> companions = new ArrayList<>();
        while (true) {
            Path link = directory.resolve(COMPANION + (companions.size() + 1));
            if (!Files.isSymbolicLink(link)) {
                return companions;
            }
            companions.add(Files.readSymbolicLink(link));
        }
    }

    private static Optional<String> value(List<String> lines, String key) {
        return values(lines, key).stream().findFirst();
    }

    private static List<String> values(List<String> lines, String key) {
        return lines.stream()
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(key.length()))
                .toList();
    }

    private static List<ProcessIdentity> processes(List<String> lines, String key) {
        List<ProcessIdentity> found = new ArrayList<>();
        for (String line : lines) {
            String[] numbers =
                    line.substring(Math.min(key.length(), line.length())).split(" ", -1);
            if (line.startsWith(key) && numbers.length == 2) {
                found.add(new ProcessIdentity(Long.parseLong(numbers[0]), Long.parseLong(numbers[1])));
            }
        }
        return found;
    }

    /** Removes a run's directory and what it holds; it holds no directories. */
    static void removeDirectory(Path directory) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
                for (Path entry : entries) {
                    Files.deleteIfExists(entry);
                }
                Files.deleteIfExists(directory);
                return;
            } catch (NoSuchFileException gone) {
                return;
            } catch (DirectoryNotEmptyException requestCameMeanwhile) {
                if (attempt == REMOVALS) {
                    throw requestCameMeanwhile;
                }
            }
        }
    }
}
