package virtshrink.filesystem.signature;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemIdentity;

/** What real tools make is named as {@code blkid} names it. */
class RealFormatsTest {
    private static final String UUID = "01234567-89ab-cdef-0123-456789abcdef";

    @TempDir
    Path directory;

    static Stream<Arguments> formats() {
        return Stream.of(
                make("ntfs", "ntfs-3g", 8, "mkfs.ntfs", "-F", "-q", "-L", "Some NTFS", "IMAGE"),
                make("xfs", "xfsprogs", 300, "mkfs.xfs", "-q", "-L", "somexfs", "-m", "uuid=" + UUID, "IMAGE"),
                make("btrfs", "btrfs-progs", 128, "mkfs.btrfs", "-q", "-L", "some btrfs", "-U", UUID, "IMAGE"),
                make("vfat", "dosfstools", 4, "mkfs.vfat", "-F", "12", "-n", "SOME FAT", "-i", "1234abcd", "IMAGE"),
                make("vfat", "dosfstools", 32, "mkfs.vfat", "-F", "16", "-n", "SOME FAT", "-i", "1234abcd", "IMAGE"),
                make("vfat", "dosfstools", 64, "mkfs.vfat", "-F", "32", "-n", "SOME FAT", "-i", "1234abcd", "IMAGE"),
                make("vfat", "dosfstools", 64, "mkfs.vfat", "-F", "32", "-S", "4096", "IMAGE"),
                make("exfat", "exfatprogs", 16, "mkfs.exfat", "IMAGE"),
                make("f2fs", "f2fs-tools", 64, "mkfs.f2fs", "-q", "-l", "some f2fs", "IMAGE"),
                make("minix", "util-linux", 4, "mkfs.minix", "-1", "IMAGE"),
                make("minix", "util-linux", 4, "mkfs.minix", "-2", "IMAGE"),
                make("minix", "util-linux", 4, "mkfs.minix", "-3", "IMAGE"),
                make("squashfs", "squashfs-tools", 0, "mksquashfs", "DIRECTORY", "IMAGE", "-noappend", "-quiet"),
                make("cramfs", "util-linux", 0, "mkfs.cramfs", "DIRECTORY", "IMAGE"),
                make(
                        "iso9660",
                        "genisoimage",
                        0,
                        "genisoimage",
                        "-quiet",
                        "-V",
                        "SOME_ISO",
                        "-o",
                        "IMAGE",
                        "DIRECTORY"),
                make("udf", "genisoimage", 0, "genisoimage", "-quiet", "-udf", "-o", "IMAGE", "DIRECTORY"),
                make("crypto_LUKS", "cryptsetup-bin", 32, luks("luks1")),
                make("crypto_LUKS", "cryptsetup-bin", 32, luks("luks2", "--label", "some luks")),
                make("DM_verity_hash", "cryptsetup-bin", 1, "veritysetup", "format", "--uuid", UUID, "SEED", "IMAGE"));
    }

    private static String[] luks(String type, String... options) {
        List<String> command = new ArrayList<>(List.of("cryptsetup", "-q", "--type", type, "--uuid", UUID));
        command.addAll(List.of("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", "SEED"));
        command.addAll(List.of(options));
        command.addAll(List.of("luksFormat", "IMAGE"));
        return command.toArray(String[]::new);
    }

    private static Arguments make(String type, String debianPackage, long mebibytes, String... command) {
        return Arguments.of(type, debianPackage, mebibytes, List.of(command));
    }

    @ParameterizedTest(name = "{0} {3}")
    @MethodSource("formats")
    void namesWhatToolsMakeAsBlkidDoes(String type, String debianPackage, long mebibytes, List<String> command)
            throws IOException {
        ExternalTool.assume(command.get(0), debianPackage);
        ExternalTool.assume("blkid", "util-linux");
        Path image = ExternalTool.sparse(directory.resolve("image"), mebibytes << 20);
        if (command.contains("DIRECTORY")) {
            Files.delete(image);
        }
        Path content = Files.createDirectory(directory.resolve("content"));
        Files.writeString(content.resolve("file"), "a file\n".repeat(1000));
        Path seed = ExternalTool.sparse(directory.resolve("seed"), 1 << 20);
        ExternalTool.run(command.stream()
                .map(word -> word.equals("IMAGE") ? image.toString() : word)
                .map(word -> word.equals("DIRECTORY") ? content.toString() : word)
                .map(word -> word.equals("SEED") ? seed.toString() : word)
                .toArray(String[]::new));

        FoundSignature found = only(image);
        Map<String, String> blkid = blkid(image);
        FilesystemIdentity identity = found.identity();
        assertEquals(type, identity.type());
        assertEquals(blkid.get("TYPE"), identity.type());
        boolean named = !List.of("iso9660", "udf", "cramfs", "squashfs").contains(type);
        if (named) {
            assertEquals(blkid.getOrDefault("UUID", ""), identity.uuid());
            assertEquals(blkid.getOrDefault("LABEL", ""), identity.label());
        }
        if (identity.blockBytes() > 0 && blkid.containsKey("FSBLOCKSIZE")) {
            assertEquals(blkid.get("FSBLOCKSIZE"), "" + identity.blockBytes());
        }
    }

    @Test
    void namesAnLvmPhysicalVolume() throws IOException {
        ExternalTool.assume("pvcreate", "lvm2");
        ExternalTool.assumeRoot();
        Path image = ExternalTool.sparse(directory.resolve("image"), 16 << 20);
        String loop =
                ExternalTool.run("losetup", "-f", "--show", image.toString()).strip();
        try {
            ExternalTool.run("pvcreate", "-q", "-y", loop);
        } finally {
            ExternalTool.run("losetup", "-d", loop);
        }
        FilesystemIdentity identity = only(image).identity();
        assertEquals("LVM2_member", identity.type());
        assertEquals(blkid(image).get("UUID"), identity.uuid());
    }

    @Test
    void findsTheSecondHeaderOfLuks2() throws IOException {
        ExternalTool.assume("cryptsetup", "cryptsetup-bin");
        Path image = ExternalTool.sparse(directory.resolve("image"), 32 << 20);
        Path seed = ExternalTool.sparse(directory.resolve("seed"), 64);
        List<String> command = new ArrayList<>();
        for (String word : luks("luks2")) {
            command.add(word.equals("IMAGE") ? image.toString() : word.equals("SEED") ? seed.toString() : word);
        }
        ExternalTool.run(command.toArray(String[]::new));
        try (var file = Files.newByteChannel(image, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(4096));
        }
        assertEquals(UUID, only(image).identity().uuid());
    }

    private static FoundSignature only(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            List<FoundSignature> found = Signatures.find(volume);
            assertEquals(1, found.size(), found::toString);
            return found.get(0);
        }
    }

    private static Map<String, String> blkid(Path image) throws IOException {
        Map<String, String> values = new HashMap<>();
        for (String line : ExternalTool.run("blkid", "-p", "-o", "export", image.toString())
                .lines()
                .toList()) {
            int equals = line.indexOf('=');
            values.put(
                    line.substring(0, Math.max(equals, 0)),
                    line.substring(equals + 1).replace("\\ ", " "));
        }
        return values;
    }
}
