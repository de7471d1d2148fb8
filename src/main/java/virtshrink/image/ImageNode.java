package virtshrink.image;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.ByteRange;

/**
 * An image as qemu is told of it: file, format and backing chain named explicitly, so that nothing is probed and no name is taken apart. Not
 * usable as the target of a conversion, which wants a plain path. Immutable.
 */
public final class ImageNode {
    private static final int SECTOR_BYTES = 512;

    private final Path file;
    private final ImageFormat format;
    private final boolean locking;
    private final boolean forceShare;
    private final Backing backing;
    /** Of the guest's disk; empty for all of it. */
    private final Optional<ByteRange> part;

    private ImageNode(Path file, ImageFormat format, boolean locking, boolean forceShare, Backing backing) {
        this(file, format, locking, forceShare, backing, Optional.empty());
    }

    private ImageNode(
            Path file,
            ImageFormat format,
            boolean locking,
            boolean forceShare,
            Backing backing,
            Optional<ByteRange> part) {
        this.file = file;
        this.format = format;
        this.locking = locking;
        this.forceShare = forceShare;
        this.backing = backing;
        this.part = part;
    }

    /**
     * The image and, if its header names any, the backing files that the header names.
     *
     * @param file absolute
     */
    public static ImageNode of(Path file, ImageFormat format) {
        return new ImageNode(file, format, true, false, new Backing(true, Optional.empty()));
    }

    /** The image without its backing files: only for what concerns itself alone, such as a check. */
    public static ImageNode alone(Path file, ImageFormat format) {
        return new ImageNode(file, format, true, false, new Backing(false, Optional.empty()));
    }

    /** Exactly these files, topmost first, whatever the headers say. */
    public static ImageNode chain(List<ChainElement> chain) {
        if (chain.isEmpty()) {
            throw new IllegalArgumentException("a chain has at least one element");
        }
        Optional<ImageNode> below = Optional.empty();
        for (int i = chain.size() - 1; i >= 0; i--) {
            ChainElement element = chain.get(i);
            below = Optional.of(
                    new ImageNode(element.file(), element.format(), true, false, new Backing(false, below)));
        }
        return below.orElseThrow();
    }

    /** Over a node below: for an overlay whose header need not be believed. */
    public ImageNode over(ImageNode below) {
        return new ImageNode(file, format, locking, forceShare, new Backing(false, Optional.of(below)));
    }

    /** Without qemu's own lock on the topmost file: for work under a lock that is held already. */
    public ImageNode withoutLocking() {
        return new ImageNode(file, format, false, forceShare, backing);
    }

    /**
     * Read without keeping anybody from writing: for looking at an image that a guest may start on at any moment. What is read then may be
     * torn, so it must not be acted upon.
     */
    public ImageNode yielding() {
        return new ImageNode(file, format, locking, true, backing);
    }

    /**
     * A part of the guest's disk as a disk of its own.
     *
     * @param range whole sectors of 512 bytes
     */
    public ImageNode part(ByteRange range) {
        if (range.startBytes() % SECTOR_BYTES != 0 || range.lengthBytes() % SECTOR_BYTES != 0) {
            throw new IllegalArgumentException("not whole sectors: " + range);
        }
        return new ImageNode(file, format, locking, forceShare, backing, Optional.of(range));
    }

    public Path file() {
        return file;
    }

    public ImageFormat format() {
        return format;
    }

    /** What qemu's tools take in place of a file name; it contains the format, so they take no format besides. */
    public String argument() {
        return argument(tree());
    }

    /** As {@link #argument()}, read and written no faster than a throttle group of that name allows. */
    String argumentThrottledBy(String group) {
        Map<String, Object> filter = new LinkedHashMap<>();
        filter.put("driver", "throttle");
        filter.put("throttle-group", group);
        filter.put("file", tree());
        return argument(filter);
    }

    private static String argument(Map<String, Object> tree) {
        try {
            return "json:" + JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES).asString(tree);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to a string cannot fail", e);
        }
    }

    @Override
    public String toString() {
        return format.qemuName() + " image " + file;
    }

    private Map<String, Object> tree() {
        Map<String, Object> whole = wholeTree();
        if (part.isEmpty()) {
            return whole;
        }
        Map<String, Object> window = new LinkedHashMap<>();
        window.put("driver", "raw");
        window.put("offset", part.get().startBytes());
        window.put("size", part.get().lengthBytes());
        window.put("file", whole);
        return window;
    }

    @SuppressWarnings("NullAway") // JSON's null is the value that says "no backing file"
    private Map<String, Object> wholeTree() {
        Map<String, Object> protocol = new LinkedHashMap<>();
        protocol.put("driver", "file");
        protocol.put("filename", ToolArgument.of(file));
        if (!locking) {
            protocol.put("locking", "off");
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("driver", format.qemuName());
        if (forceShare) {
            tree.put("force-share", true);
        }
        tree.put("file", protocol);
        if (backing.explicit().isPresent()) {
            tree.put("backing", backing.explicit().get().tree());
        } else if (!backing.asInHeader() && hasBackingFiles()) {
            tree.put("backing", null);
        }
        return tree;
    }

    private boolean hasBackingFiles() {
        return format == ImageFormat.QCOW2 || format == ImageFormat.VMDK;
    }

    private record Backing(boolean asInHeader, Optional<ImageNode> explicit) {}
}
