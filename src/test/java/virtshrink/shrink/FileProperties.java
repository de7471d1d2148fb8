package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import virtshrink.block.ExternalTool;

/** What the host's tools say of a file, for comparison before and after. */
final class FileProperties {
    private FileProperties() {}

    /** What {@code qemu-img info} says, less what a smaller image has otherwise. */
    static Map<String, Object> info(Path image, String format) throws IOException {
        Map<String, Object> info = new LinkedHashMap<>(JSON.std.mapFrom(
                ExternalTool.run("qemu-img", "info", "-U", "-f", format, "--output=json", image.toString())));
        info.remove("actual-size");
        // Later versions of qemu-img describe the file below as well, with its length.
        info.remove("children");
        return info;
    }

    /** Owner, mode, time of modification, extended attributes and flags, as text. */
    static String attributes(Path file) throws IOException {
        String name = file.toString();
        String flags = ExternalTool.run("lsattr", "-d", name);
        return ExternalTool.run("stat", "--format=%u %g %a %h %Y %y", name)
                + ExternalTool.run("getfattr", "--absolute-names", "-d", "-m", "-", "-e", "hex", name)
                + flags.substring(0, flags.indexOf(' '));
    }

    static long allocatedBytes(Path file) throws IOException {
        return Long.parseLong(
                        ExternalTool.run("stat", "--format=%b", file.toString()).strip())
                * 512;
    }

    static long inode(Path file) throws IOException {
        return Long.parseLong(
                ExternalTool.run("stat", "--format=%i", file.toString()).strip());
    }

    static String sha256(Path file) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException never) {
            throw new IllegalStateException(never);
        }
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
            byte[] buffer = new byte[1 << 16];
            while (in.read(buffer) > 0) {
                // the digest listens
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Consistent, and without leaked clusters. */
    static void requireCleanQcow2(Path image) throws IOException {
        ExternalTool.Result check = ExternalTool.attempt("", "qemu-img", "check", "-f", "qcow2", image.toString());
        assertEquals(0, check.exitCode(), check.output());
    }
}
