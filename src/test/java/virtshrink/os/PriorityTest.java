package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class PriorityTest {
    /** Two threads, one of which has started the other. */
    private static final String TWO_THREADS =
            "import threading,time; threading.Thread(target=time.sleep,args=(600,),daemon=True).start();"
                    + " print('up',flush=True); time.sleep(600)";

    private static int nice(Path task) throws IOException {
        String stat = Files.readString(task.resolve("stat"), StandardCharsets.ISO_8859_1);
        // Field 19 of proc(5); the third is the first after the name in parentheses.
        return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[19 - 3]);
    }

    private static String ioClass(long thread) throws IOException, InterruptedException {
        Path ionice = Path.of("/usr/bin/ionice");
        assumeTrue(Files.isExecutable(ionice), "needs ionice (package util-linux)");
        Process process = new ProcessBuilder(ionice.toString(), "-p", Long.toString(thread)).start();
        String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        process.waitFor();
        return answer;
    }

    private static List<Path> threads(Process process) throws IOException {
        try (var tasks = Files.list(Path.of("/proc/" + process.pid() + "/task"))) {
            return tasks.toList();
        }
    }

    @Test
    void lowersEveryThreadOfAProcessAndRaisesItAgain() throws Exception {
        Path python = Path.of("/usr/bin/python3");
        assumeTrue(Files.isExecutable(python), "needs python3");
        assumeTrue(Hosts.effectiveUid() == 0, "only root may raise a priority again");
        Process process = new ProcessBuilder(python.toString(), "-c", TWO_THREADS).start();
        try {
            assertEquals('u', process.getInputStream().read());
            assertEquals(2, threads(process).size());
            Priority.BACKGROUND.applyToProcess(process.pid());
            for (Path thread : threads(process)) {
                assertEquals(19, nice(thread));
                assertEquals("idle", ioClass(Long.parseLong(thread.getFileName().toString())));
            }
            Priority.NORMAL.applyToProcess(process.pid());
            for (Path thread : threads(process)) {
                assertEquals(0, nice(thread));
                assertEquals(
                        "none: prio 0",
                        ioClass(Long.parseLong(thread.getFileName().toString())));
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
        Priority.NORMAL.applyToProcess(process.pid());
        assertFalse(Priority.NORMAL.applyToThread(process.pid()), "it has ended");
    }

    @Test
    void lowersOneThreadOfThisProcessAndWhatThatStarts() throws Exception {
        AtomicReference<String> seen = new AtomicReference<>("");
        Thread worker = new Thread(() -> {
            try {
                assertTrue(Priority.LOW.applyToThread(Priority.currentThread()));
                seen.set(nice(Path.of("/proc/thread-self")) + " " + ioClass(Priority.currentThread()));
            } catch (Exception e) {
                seen.set(e.toString());
            }
        });
        worker.start();
        worker.join();
        assertTrue(seen.get().startsWith("10 none: prio"), seen.get());
        assertEquals(0, nice(Path.of("/proc/thread-self")));
    }
}
