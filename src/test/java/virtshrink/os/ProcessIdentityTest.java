package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProcessIdentityTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @Test
    void killEndsExactlyThatProcess() throws Exception {
        try (PythonChild child = new PythonChild("print('ready'); input()")) {
            child.hear();
            ProcessIdentity identity = ProcessIdentity.of(child.pid()).orElseThrow();
            assertTrue(identity.isAlive());
            assertFalse(identity.awaitEnd(Duration.ofMillis(20)));
            assertTrue(identity.kill());
            assertTrue(identity.awaitEnd(LONG));
            assertEquals(128 + 9, child.process().waitFor());
            assertFalse(identity.isAlive());
            assertFalse(identity.kill());
            assertEquals(Optional.empty(), ProcessIdentity.of(child.pid()));
        }
    }

    @Test
    void laterProcessOfTheSameNumberIsSpared() throws Exception {
        try (PythonChild child = new PythonChild("print('ready'); input()")) {
            child.hear();
            ProcessIdentity now = ProcessIdentity.of(child.pid()).orElseThrow();
            ProcessIdentity earlier = new ProcessIdentity(now.pid(), now.startTicks() - 1);
            assertFalse(earlier.isAlive());
            assertFalse(earlier.kill());
            assertTrue(earlier.awaitEnd(LONG));
            assertTrue(now.isAlive());
        }
    }

    @Test
    void aProgramMayCallItselfWhatItLikes() throws Exception {
        try (PythonChild child = new PythonChild("""
                open('/proc/self/comm', 'wb').write(b') Z 1 2\\n(\\xff')
                print('ready')
                input()
                """)) {
            ProcessIdentity before = ProcessIdentity.of(child.pid()).orElseThrow();
            child.hear();
            assertEquals(Optional.of(before), ProcessIdentity.of(child.pid()));
        }
    }

    @Test
    void aZombieIsNotAlive() throws Exception {
        try (PythonChild parent = new PythonChild("""
                import os, time
                child = os.fork()
                if child == 0:
                    time.sleep(100)
                print(child)
                input()
                """)) {
            ProcessIdentity child =
                    ProcessIdentity.of(Long.parseLong(parent.hear())).orElseThrow();
            assertTrue(child.kill());
            assertTrue(child.awaitEnd(LONG));
            assertFalse(child.isAlive());
            assertTrue(child.awaitEnd(LONG));
        }
    }

    @Test
    void numbersThatCannotBeProcessesAreNone() throws Exception {
        for (long pid : new long[] {
            -1, 0, Long.MAX_VALUE, (1L << 32) + ProcessHandle.current().pid()
        }) {
            assertEquals(Optional.empty(), ProcessIdentity.of(pid));
            assertFalse(new ProcessIdentity(pid, 1).kill());
            assertTrue(new ProcessIdentity(pid, 1).awaitEnd(LONG));
        }
    }

    @Test
    void thisProcessIsItself() throws Exception {
        ProcessIdentity self = ProcessIdentity.ofThisProcess();
        assertEquals(ProcessHandle.current().pid(), self.pid());
        assertTrue(self.isAlive());
    }

    @Test
    void unknownFormOfStatIsAnError() {
        assertThrows(IOException.class, () -> ProcessIdentity.parse(1, ""));
        assertThrows(IOException.class, () -> ProcessIdentity.parse(1, "1 (init) S 0"));
        assertThrows(IOException.class, () -> ProcessIdentity.parse(1, "1 (a) S" + " x".repeat(40)));
    }
}
