package virtshrink.shrink;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Native;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.os.Errno;
import virtshrink.os.Hosts;
import virtshrink.os.LoopMount;
import virtshrink.os.OsException;
import virtshrink.shrink.Cancellation.RunCancelledException;

class ClassicalFillerTest {
    @TempDir
    Path scratch;

    /** ext2 allocates with the write, so that what is not brought to the disk is lost; ext4 later. */
    @ParameterizedTest
    @ValueSource(strings = {"mkfs.ext2", "mkfs.ext4"})
    void everyFreeBlockReadsAsZeroAfterwards(String make) throws Exception {
        int blockBytes = 1024;
        int imageBytes = 40 << 20;
        Path image = scratch.resolve("filesystem.img");
        writeRandom(image, imageBytes);
        try (LoopMount mount = LoopMount.make(
                scratch, imageBytes, "rw,nodiscard", make, "-q", "-F", "-b", "1024", "-E", "nodiscard")) {
            Path kept = Files.writeString(mount.path().resolve("kept"), "content");
            long freeBefore = Hosts.availableBytes(mount.path());
            List<Long> heard = new ArrayList<>();
            FillReport report = new ClassicalFiller()
                    .fill(
                            mount.path(),
                            (written, expected) -> {
                                assertTrue(written <= expected && expected > 0);
                                heard.add(written);
                            },
                            new Cancellation());
            assertTrue(report.bytesWritten() >= freeBefore * 95 / 100, report + " of " + freeBefore);
            assertEquals(heard.stream().sorted().toList(), heard);
            assertEquals(report.bytesWritten(), heard.get(heard.size() - 1));
            assertEquals("content", Files.readString(kept));
            assertEquals(List.of("kept", "lost+found"), names(mount.path()));
            assertEquals(freeBefore, Hosts.availableBytes(mount.path()));
        }
        int notZero = 0;
        byte[] content = Files.readAllBytes(image);
        for (int block : freeBlocks(image)) {
            if (hasData(content, block * blockBytes, blockBytes)) {
                notZero++;
            }
        }
        // ext2 held the places of the zeros in blocks of 256 each; ext4 keeps two percent, 4096 blocks at most, from
        // everybody.
        int blocks = imageBytes / blockBytes;
        int reserved = make.equals("mkfs.ext2") ? blocks / 256 : Math.min(blocks / 50, 4096);
        assertTrue(notZero <= reserved + 8, notZero + " free blocks are not zero");
    }

    @Test
    void theCaseThatItAllBeganWith() throws Exception {
        LoopMount.needsRoot();
        Path raw = scratch.resolve("disk.raw");
        Path before = scratch.resolve("before.qcow2");
        Path after = scratch.resolve("after.qcow2");
        Path mountPoint = Files.createDirectory(scratch.resolve("mounted"));
        writeRandom(raw, 10_240_000);
        LoopMount.run("mkfs.ntfs", "--fast", "--force", raw.toString());
        LoopMount.run("qemu-img", "convert", "-O", "qcow2", raw.toString(), before.toString());
        assertEquals(10_420_224, Files.size(before));
        String device =
                LoopMount.run("losetup", "--find", "--show", raw.toString()).trim();
        try {
            LoopMount.run("ntfs-3g", device, mountPoint.toString());
            try {
                FillReport report = new ClassicalFiller().fill(mountPoint, FillProgress.SILENT, new Cancellation());
                assertTrue(report.bytesWritten() > 7_000_000, report.toString());
                assertEquals(List.of(), names(mountPoint));
            } finally {
                LoopMount.run("umount", mountPoint.toString());
            }
        } finally {
            LoopMount.run("losetup", "--detach", device);
        }
        LoopMount.run("qemu-img", "convert", "-O", "qcow2", raw.toString(), after.toString());
        assertTrue(Files.size(after) <= 3_014_656, "after filling: " + Files.size(after));
    }

    @Test
    void fullFilesystemIsSuccessAtOnce() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 8 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            try (OutputStream all = Files.newOutputStream(mount.path().resolve("all"))) {
                byte[] bytes = new byte[512];
                assertThrows(IOException.class, () -> {
                    while (true) {
                        all.write(bytes);
                    }
                });
            }
            FillReport report = new ClassicalFiller().fill(mount.path(), FillProgress.SILENT, new Cancellation());
            assertTrue(report.bytesWritten() < 64 << 10, report.toString());
        }
    }

    @Test
    void limitOfFileSizeMeansAnotherFile() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 48 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            long freeBefore = Hosts.availableBytes(mount.path());
            String[] said = new Child(mount.path(), "3000000").lastLine().split(" ", -1);
            assertEquals("filled", said[0]);
            assertTrue(Long.parseLong(said[1]) >= freeBefore * 95 / 100, said[1] + " of " + freeBefore);
            assertTrue(Integer.parseInt(said[2]) >= freeBefore * 95 / 100 / 3_000_000, said[2] + " files");
            assertEquals(List.of("lost+found"), names(mount.path()));
        }
    }

    @Test
    void limitOfZeroIsAFailureAndNotAnEndlessRow() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 8 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            String said = new Child(mount.path(), "0").lastLine();
            assertTrue(said.startsWith("failed this process may not write files"), said);
        }
    }

    @Test
    void interruptedOrKilledItLeavesNothing() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 600 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            long freeBefore = Hosts.availableBytes(mount.path());
            for (String signal : signalsThatEnd()) {
                Child child = new Child(mount.path(), "unlimited");
                assertEquals("filling", child.hear());
                child.signal(signal);
                assertEquals(List.of("lost+found"), names(mount.path()));
                assertEquals(freeBefore, Hosts.availableBytes(mount.path()), "after SIG" + signal);
            }
        }
    }

    @Test
    void killedOnNtfsItLeavesNothing() throws Exception {
        LoopMount.run("ntfs-3g", "--version");
        try (LoopMount mount = LoopMount.make(scratch, 200 << 20, "rw", "mkfs.ntfs", "-q", "--fast", "--force")) {
            Child child = new Child(mount.path(), "unlimited");
            assertEquals("filling", child.hear());
            child.signal("KILL");
            assertEquals(List.of(), names(mount.path()));
        }
    }

    @Test
    void cancelledItLeavesNothing() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 64 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            long freeBefore = Hosts.availableBytes(mount.path());
            Cancellation cancellation = new Cancellation();
            assertThrows(
                    RunCancelledException.class,
                    () -> new ClassicalFiller()
                            .fill(mount.path(), (written, expected) -> cancellation.cancel("enough"), cancellation));
            assertEquals(List.of("lost+found"), names(mount.path()));
            assertEquals(freeBefore, Hosts.availableBytes(mount.path()));
        }
    }

    @Test
    void aListenerThatThrowsLeavesNothing() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 16 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            long freeBefore = Hosts.availableBytes(mount.path());
            FillProgress thrower = (written, expected) -> {
                throw new IllegalStateException("for the test");
            };
            assertThrows(
                    IllegalStateException.class,
                    () -> new ClassicalFiller().fill(mount.path(), thrower, new Cancellation()));
            assertEquals(freeBefore, Hosts.availableBytes(mount.path()));
        }
    }

    @Test
    void readOnlyFilesystemIsAFailureWithItsCause() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 8 << 20, "ro", "mkfs.ext4", "-q", "-F")) {
            IOException failure = assertThrows(
                    IOException.class,
                    () -> new ClassicalFiller().fill(mount.path(), FillProgress.SILENT, new Cancellation()));
            assertTrue(failure.getMessage().contains("EROFS (Read-only file system)"), failure.getMessage());
            assertTrue(failure.getCause() instanceof OsException cause && cause.is(Errno.EROFS));
        }
    }

    @Test
    void aQuotaIsAFailureBecauseTheRestIsNotFilled() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 160 << 20, "rw", "mkfs.btrfs", "-q", "-f")) {
            Path limited = mount.path().resolve("limited");
            LoopMount.run("btrfs", "quota", "enable", mount.path().toString());
            LoopMount.run("btrfs", "subvolume", "create", limited.toString());
            LoopMount.run("btrfs", "qgroup", "limit", "8M", limited.toString());
            IOException failure = assertThrows(
                    IOException.class,
                    () -> new ClassicalFiller().fill(limited, FillProgress.SILENT, new Cancellation()));
            assertTrue(failure.getMessage().startsWith("a quota ended before"), failure.getMessage());
            assertEquals(List.of(), names(limited));
        }
    }

    @Test
    void spaceIsFreeAgainAlsoWhereDeletingTakesATransaction() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 160 << 20, "rw", "mkfs.btrfs", "-q", "-f")) {
            long freeBefore = Hosts.availableBytes(mount.path());
            FillReport report = new ClassicalFiller().fill(mount.path(), FillProgress.SILENT, new Cancellation());
            assertTrue(report.bytesWritten() >= freeBefore * 95 / 100, report + " of " + freeBefore);
            long freeAfter = Hosts.availableBytes(mount.path());
            assertTrue(freeAfter >= freeBefore * 95 / 100, freeAfter + " of " + freeBefore);
        }
    }

    @Test
    void leftoversOfAnEarlierRunAreRemovedAndNothingElse() throws Exception {
        try (LoopMount mount = LoopMount.make(scratch, 8 << 20, "rw", "mkfs.ext4", "-q", "-F")) {
            Files.writeString(mount.path().resolve(".virt-shrink-fill-0123456789abcdef"), "0");
            Files.writeString(mount.path().resolve(".virt-shrink-fill-of the user"), "1");
            Files.createDirectory(mount.path().resolve(".virt-shrink-fill-0123456789abcdee"));
            new ClassicalFiller().fill(mount.path(), FillProgress.SILENT, new Cancellation());
            assertEquals(
                    List.of(".virt-shrink-fill-0123456789abcdee", ".virt-shrink-fill-of the user", "lost+found"),
                    names(mount.path()));
        }
    }

    @Test
    void theRunningSystemsOwnFilesystemIsRefused() {
        for (Path own : List.of(Path.of("/"), Path.of("/usr/lib"))) {
            FillRefusedException refused = assertThrows(FillRefusedException.class, () -> FillTarget.judge(own, false));
            assertTrue(refused.getMessage().contains("of the running system"), refused.getMessage());
        }
    }

    @Test
    void memoryIsRefusedEvenByForce() throws Exception {
        LoopMount.needsRoot();
        Path inMemory = Files.createDirectory(scratch.resolve("memory"));
        LoopMount.run("mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", inMemory.toString());
        try {
            assertThrows(FillRefusedException.class, () -> FillTarget.judge(inMemory, true));
        } finally {
            LoopMount.run("umount", inMemory.toString());
        }
    }

    @Test
    void whatIsNoDirectoryIsRefused() throws Exception {
        Path file = Files.writeString(scratch.resolve("file"), "x");
        assertThrows(FillRefusedException.class, () -> FillTarget.judge(file, true));
        assertThrows(IOException.class, () -> FillTarget.judge(scratch.resolve("missing"), true));
    }

    /** A program started in the background of a script inherits that SIGINT is ignored, and so do its children. */
    private static List<String> signalsThatEnd() throws IOException {
        String ignored = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .findFirst()
                .orElseThrow();
        boolean ignoresInterrupt = (Long.parseUnsignedLong(ignored.substring(7).trim(), 16) & 1 << 1) != 0;
        return ignoresInterrupt ? List.of("TERM", "KILL") : List.of("INT", "TERM", "KILL");
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        }
    }

    private static void writeRandom(Path file, int bytes) throws IOException {
        byte[] content = new byte[bytes];
        new Random(2010).nextBytes(content);
        Files.write(file, content);
    }

    private static boolean hasData(byte[] content, int from, int length) {
        for (int i = from; i < from + length; i++) {
            if (content[i] != 0) {
                return true;
            }
        }
        return false;
    }

    private static List<Integer> freeBlocks(Path image) throws IOException {
        List<Integer> blocks = new ArrayList<>();
        String inGroup = "  Free blocks: ";
        for (String line : LoopMount.run("dumpe2fs", image.toString()).lines().toList()) {
            if (!line.startsWith(inGroup) || line.length() == inGroup.length()) {
                continue;
            }
            for (String range : line.substring(inGroup.length()).split(", ", -1)) {
                int hyphen = range.indexOf('-');
                int first = Integer.parseInt(hyphen < 0 ? range : range.substring(0, hyphen));
                int last = Integer.parseInt(range.substring(hyphen + 1));
                for (int block = first; block <= last; block++) {
                    blocks.add(block);
                }
            }
        }
        assertFalse(blocks.isEmpty());
        return blocks;
    }

    /** {@link FillChild} in a process of its own. */
    private static final class Child {
        private final Process process;
        private final BufferedReader output;

        Child(Path directory, String mostFileBytes) throws Exception {
            List<String> classes = new ArrayList<>();
            for (Class<?> needed : List.of(ClassicalFiller.class, FillChild.class, Native.class)) {
                classes.add(Path.of(needed.getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI())
                        .toString());
            }
            process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-XX:+UseSerialGC",
                            "-Xmx64m",
                            "-Djna.nosys=true",
                            "-cp",
                            String.join(":", classes),
                            FillChild.class.getName(),
                            directory.toString(),
                            mostFileBytes)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            output = process.inputReader(UTF_8);
        }

        String hear() throws IOException {
            String line = output.readLine();
            return line == null ? "ended" : line;
        }

        void signal(String name) throws Exception {
            LoopMount.run("kill", "-" + name, Long.toString(process.pid()));
            assertTrue(process.waitFor(60, TimeUnit.SECONDS));
            assertTrue(process.exitValue() > 128, "ended with " + process.exitValue());
        }

        String lastLine() throws Exception {
            String last = "";
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                last = line;
            }
            process.waitFor();
            return last;
        }
    }
}
