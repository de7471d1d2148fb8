package virtshrink.filesystem;

/** What a reader found in a volume. */
public record FilesystemReport(FilesystemIdentity identity, FilesystemState state) {}
