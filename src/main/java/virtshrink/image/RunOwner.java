package virtshrink.image;

import java.util.Optional;
import java.util.function.Consumer;

/** Whose run it is, as far as the work on an image has to know. */
public interface RunOwner {
    /** The domain whose disk the image is, if one is known: whoever starts it finds the run by this name. */
    Optional<String> domain();

    /**
     * Asked in the run's own thread after the run has been registered and before the image is locked, and in this order: a domain that
     * starts either finds the registration or is seen here.
     *
     * @throws ImageRefusedException if the image is not idle
     */
    void requireIdle() throws ImageRefusedException;

    /**
     * Handed what kills all children at once, before the first starts.
     *
     * @param kill takes the reason, returns at once, from any thread
     */
    void childrenEndBy(Consumer<String> kill);

    /**
     * Somebody needs the image. Called from another thread than the run's, which may be blocked anywhere; must not wait.
     *
     * @return true if the image will never be replaced by this run; false if it is being replaced in this moment, and {@link
     *     ImageWork#giveBack} follows
     */
    boolean giveWay();

    /** One who only looks and is in nobody's way. */
    RunOwner LOOKER = new RunOwner() {
        @Override
        public Optional<String> domain() {
            return Optional.empty();
        }

        @Override
        public void requireIdle() {}

        @Override
        public void childrenEndBy(Consumer<String> kill) {}

        @Override
        public boolean giveWay() {
            return true;
        }
    };
}
