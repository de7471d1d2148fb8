package virtshrink.daemon;

import java.lang.reflect.Proxy;

/**
 * Signals to this process as calls. Java has no public class for it; the one of {@code jdk.unsupported} is what every Java 17 has, and javac
 * warns of any mention of it, hence reflection.
 */
final class ProcessSignals {
    private ProcessSignals() {}

    /**
     * From now on a signal calls the action, on a thread of the virtual machine, instead of what it did before.
     *
     * @param name without {@code SIG}
     */
    static void handle(String name, Runnable action) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object calling = Proxy.newProxyInstance(
                    ProcessSignals.class.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> {
                        if (method.getDeclaringClass().equals(Object.class)) {
                            return method.invoke(action, arguments);
                        }
                        action.run();
                        return null;
                    });
            signal.getMethod("handle", signal, handler)
                    .invoke(null, signal.getConstructor(String.class).newInstance(name), calling);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this Java cannot handle SIG" + name, e);
        }
    }
}
