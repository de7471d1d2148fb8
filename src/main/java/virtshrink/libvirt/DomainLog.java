package virtshrink.libvirt;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log that libvirt's QEMU driver keeps for each domain ({@code NAME.log}). libvirtd forgets on restart why a domain is shut off; the log
 * does not. A line is libvirt's own only if it begins with libvirt's time stamp; what QEMU prints has none.
 */
final class DomainLog {
    private static final Logger LOG = LoggerFactory.getLogger(DomainLog.class);

    /** Enough for what QEMU says between its start and its end; a log with more behind the last mark counts as unknown. */
    static final int TAIL_BYTES = 1 << 20;

    /** virtlogd and logrotate both roll the log over near 2 MiB. */
    private static final int MAXIMUM_UNPACKED_BYTES = 16 << 20;

    /** Newest first: the live log, virtlogd's backups from 0, logrotate's from 1. */
    private static final List<String> SUFFIXES =
            List.of("", ".0", ".1", ".2", ".3", ".4", ".1.gz", ".2.gz", ".3.gz", ".4.gz");

    private static final Pattern MARK = Pattern.compile(
            "^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3})\\+0000: "
                    + "(?:(starting up)\\b.*|shutting down(?:, reason=([a-z ]+))?)\\r?$",
            Pattern.MULTILINE);

    private static final int TIME = 1;
    private static final int START = 2;
    private static final int REASON = 3;
    private static final DateTimeFormatter TIME_FORMAT =
            DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSS", Locale.ROOT).withZone(ZoneOffset.UTC);

    private final Path directory;

    DomainLog(Path directory) {
        this.directory = directory;
    }

    /** Why the log does not prove that the domain's last run ended with whole disks; empty if it does, or if it never ran here. */
    Optional<String> whyNotEnded(String domain) {
        return whyNotEnded(domain, Optional.empty());
    }

    /** As {@link #whyNotEnded(String)}, but that it never ran here is not enough. */
    Optional<String> whyNotProvenToHaveEnded(String domain) {
        return whyNotEnded(
                domain,
                Optional.of("libvirtd does not know why it is shut off, and there is no log of it on this host"));
    }

    /** @param unheardOf what to answer of a domain without any log */
    private Optional<String> whyNotEnded(String domain, Optional<String> unheardOf) {
        if (domain.isEmpty() || domain.indexOf('/') >= 0 || domain.indexOf('\0') >= 0) {
            return Optional.of("libvirtd no longer knows why it is shut off, and its name makes no log file's name");
        }
        try {
            return judge(domain, unheardOf);
        } catch (NoSuchFileException e) {
            return Optional.of("libvirtd no longer knows why it is shut off, and " + e.getFile()
                    + ", where its log should tell, does not exist");
        } catch (IOException e) {
            return Optional.of("libvirtd no longer knows why it is shut off, and its log in " + directory
                    + " cannot be read: " + e.getMessage());
        }
    }

    /**
     * Whether it shows that the guest has been started after that instant and then shut down from within. What cannot be read proves nothing.
     */
    boolean showsCleanRunSince(String domain, Instant since) {
        if (domain.isEmpty() || domain.indexOf('/') >= 0 || domain.indexOf('\0') >= 0) {
            return false;
        }
        try {
            Path live = directory.resolve(domain + ".log");
            Set<Path> present = logs(live);
            for (String suffix : SUFFIXES) {
                Path log = live.resolveSibling(domain + ".log" + suffix);
                // A run that reaches from one file into the next is not looked for: the next one will do.
                if (present.contains(log)
                        && showsCleanRunSince(suffix.endsWith(".gz") ? unpacked(log) : tail(log), since)) {
                    return true;
                }
            }
            return false;
        } catch (IOException e) {
            LOG.debug("the log of the domain {} cannot be read", domain, e);
            return false;
        }
    }

    private static boolean showsCleanRunSince(Tail tail, Instant since) {
        boolean started = false;
        for (MatchResult mark : MARK.matcher(tail.text()).results().toList()) {
            if (mark.group(START) != null) {
                started = time(mark).filter(since::isBefore).isPresent();
            } else if (started && "shutdown".equals(mark.group(REASON))) {
                return true;
            } else {
                started = false;
            }
        }
        return false;
    }

    private static Optional<Instant> time(MatchResult mark) {
        try {
            return Optional.of(TIME_FORMAT.parse(mark.group(TIME), Instant::from));
        } catch (DateTimeException noSuchDay) {
            return Optional.empty();
        }
    }

    private Optional<String> judge(String domain, Optional<String> unheardOf) throws IOException {
        Path live = directory.resolve(domain + ".log");
        Set<Path> present = logs(live);
        for (String suffix : SUFFIXES) {
            Path log = live.resolveSibling(domain + ".log" + suffix);
            if (!present.contains(log)) {
                continue;
            }
            Tail tail = suffix.endsWith(".gz") ? unpacked(log) : tail(log);
            Optional<MatchResult> last = lastMark(tail.text());
            if (last.isPresent()) {
                return verdict(log, last.get());
            } else if (!tail.complete()) {
                return Optional.of(unknown(log, "its last " + TAIL_BYTES + " bytes do not say how its last run ended"));
            }
        }
        return present.isEmpty()
                ? unheardOf
                : Optional.of(unknown(live, "neither it nor an older one says how its last run ended"));
    }

    /** By listing the directory: a file that merely cannot be looked at must not pass for one that is missing. */
    private Set<Path> logs(Path live) throws IOException {
        Set<Path> found = new HashSet<>();
        String prefix = String.valueOf(live.getFileName());
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(
                directory, entry -> String.valueOf(entry.getFileName()).startsWith(prefix))) {
            entries.forEach(found::add);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return found;
    }

    private static Optional<String> verdict(Path log, MatchResult mark) {
        if (mark.group(START) != null) {
            return Optional.of(unknown(log, "it shows a start and no end: the host went down while the guest ran"));
        }
        Optional<String> text = Optional.ofNullable(mark.group(REASON)).map(String::strip);
        boolean whole = text.flatMap(ShutoffReason::ofText)
                .filter(reason -> reason == ShutoffReason.SHUTDOWN || reason == ShutoffReason.DESTROYED)
                .isPresent();
        return whole
                ? Optional.empty()
                : Optional.of(
                        unknown(log, "it says that the last run ended as '" + text.orElse("no reason given") + "'"));
    }

    private static String unknown(Path log, String finding) {
        return "libvirtd no longer knows why it is shut off, and of its log " + log + ": " + finding
                + "; start the guest once and shut it down from within";
    }

    private static Optional<MatchResult> lastMark(String text) {
        return MARK.matcher(text).results().reduce((earlier, later) -> later);
    }

    private static Tail tail(Path log) throws IOException {
        try (FileChannel channel = FileChannel.open(log, StandardOpenOption.READ)) {
            long size = channel.size();
            int length = (int) Math.min(size, TAIL_BYTES);
            ByteBuffer bytes = ByteBuffer.allocate(length);
            long start = size - length;
            while (bytes.hasRemaining() && channel.read(bytes, start + bytes.position()) >= 0) {
                // Positional reads advance by the buffer's own position.
            }
            return new Tail(text(bytes.array(), bytes.position()), start == 0);
        }
    }

    private static Tail unpacked(Path log) throws IOException {
        try (InputStream in = new GZIPInputStream(Files.newInputStream(log))) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            byte[] piece = in.readNBytes(1 << 16);
            while (piece.length > 0) {
                if (all.size() + piece.length > MAXIMUM_UNPACKED_BYTES) {
                    throw new IOException(log + " unpacks to more than " + MAXIMUM_UNPACKED_BYTES + " bytes");
                }
                all.writeBytes(piece);
                piece = in.readNBytes(1 << 16);
            }
            byte[] bytes = all.toByteArray();
            return new Tail(text(bytes, bytes.length), true);
        }
    }

    /** One character for each byte: the marks are ASCII, and what QEMU prints may be in any encoding. */
    private static String text(byte[] bytes, int length) {
        return new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    }

    /** The end of a log; {@code complete} if it is all of it. */
    private record Tail(String text, boolean complete) {}
}
