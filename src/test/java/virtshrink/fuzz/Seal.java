package virtshrink.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;

/** Puts right checksums on changed structures: otherwise nearly every change would end at the first of them. */
enum Seal {
    NONE {
        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {}
    },
    EXT {
        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            // s_checksum, the last word of the superblock; its seed is not inverted at the end.
            putLe(disk, 1024 + 0x3FC, ~crc(new CRC32C(), disk.bytes(1024, 0x3FC)));
        }
    },
    XFS {
        private static final int BLOCK = 4096;
        private static final int INODE = 512;

        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            for (long sector : sectors) {
                switch (magic(disk, sector)) {
                    case "XFSB" -> seal(disk, sector, SparseDisk.SECTOR, 224);
                    case "XAGF" -> seal(disk, sector, SparseDisk.SECTOR, 216);
                    case "XAGI" -> seal(disk, sector, SparseDisk.SECTOR, 312);
                    case "XAFL" -> seal(disk, sector, SparseDisk.SECTOR, 32);
                    default -> {
                        long block = sector / BLOCK * BLOCK;
                        if (Set.of("AB3B", "AB3C", "IAB3", "FIB3", "RMB3", "R3FC")
                                .contains(magic(disk, block))) {
                            seal(disk, block, BLOCK, 52);
                        } else if (magic(disk, sector).startsWith("IN")) {
                            seal(disk, sector, INODE, 100);
                        }
                    }
                }
            }
        }

        private void seal(SparseDisk disk, long start, int length, int field) {
            putLe(disk, start + field, 0);
            putLe(disk, start + field, crc(new CRC32C(), disk.bytes(start, length)));
        }
    },
    BTRFS {
        private static final int SUPERBLOCK = 64 << 10;
        private static final int NODE = 16 << 10;

        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            putLe(disk, SUPERBLOCK, crc(new CRC32C(), disk.bytes(SUPERBLOCK + 32, 4096 - 32)));
            ByteBuffer fsid = disk.bytes(SUPERBLOCK + 32, 16);
            Set<Long> nodes = new TreeSet<>();
            sectors.forEach(sector -> nodes.add(sector / NODE * NODE));
            nodes.remove((long) SUPERBLOCK);
            for (long node : nodes) {
                if (disk.bytes(node + 32, 16).equals(fsid)) {
                    putLe(disk, node, crc(new CRC32C(), disk.bytes(node + 32, NODE - 32)));
                }
            }
        }
    },
    FAT {
        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            ByteBuffer boot = disk.bytes(0, SparseDisk.SECTOR);
            long start = 512L * Short.toUnsignedInt(boot.getShort(14));
            long length16 = Short.toUnsignedLong(boot.getShort(22));
            long length = 512 * (length16 == 0 ? Integer.toUnsignedLong(boot.getInt(36)) : length16);
            if (length > 1 << 20) {
                return;
            }
            // Both copies say the same.
            disk.write(start + length, disk.bytes(start, (int) length).array());
        }
    },
    EXFAT {
        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            byte[] region = disk.bytes(0, 11 * SparseDisk.SECTOR).array();
            int sum = 0;
            for (int i = 0; i < region.length; i++) {
                if (i != 106 && i != 107 && i != 112) {
                    sum = Integer.rotateRight(sum, 1) + Byte.toUnsignedInt(region[i]);
                }
            }
            for (int i = 0; i < SparseDisk.SECTOR; i += 4) {
                putLe(disk, 11 * SparseDisk.SECTOR + i, sum);
            }
            disk.write(
                    12 * SparseDisk.SECTOR,
                    disk.bytes(0, 12 * SparseDisk.SECTOR).array());
        }
    },
    GPT {
        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            seal(disk, 512);
            seal(disk, disk.sizeBytes() - 512);
        }

        private void seal(SparseDisk disk, long header) {
            ByteBuffer bytes = disk.bytes(header, SparseDisk.SECTOR);
            long entries = bytes.getLong(72);
            long length = Integer.toUnsignedLong(bytes.getInt(80)) * Integer.toUnsignedLong(bytes.getInt(84));
            if (entries > 0 && entries < disk.sizeBytes() / 512 && length < 1 << 20) {
                putLe(disk, header + 88, crc(new CRC32(), disk.bytes(entries * 512, (int) length)));
            }
            int size = Math.min(Math.max(bytes.getInt(12), 92), SparseDisk.SECTOR);
            putLe(disk, header + 16, 0);
            putLe(disk, header + 16, crc(new CRC32(), disk.bytes(header, size)));
        }
    },
    LVM {
        private static final int SEED = 0xf597a6cf;

        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            // Label: from behind its sum to the end of its sector.
            putLe(disk, 512 + 16, lvm(disk.bytes(512 + 20, SparseDisk.SECTOR - 20)));
            ByteBuffer area = disk.bytes(4096, SparseDisk.SECTOR);
            long text = area.getLong(40);
            long length = area.getLong(48);
            if (text > 0 && text < 1 << 20 && length > 0 && length < 1 << 20) {
                putLe(disk, 4096 + 56, lvm(disk.bytes(4096 + text, (int) length)));
            }
            putLe(disk, 4096, lvm(disk.bytes(4096 + 4, SparseDisk.SECTOR - 4)));
        }

        /** The usual polynomial with a start of its own and no inversion. */
        private int lvm(ByteBuffer bytes) {
            int crc = SEED;
            while (bytes.hasRemaining()) {
                crc ^= Byte.toUnsignedInt(bytes.get());
                for (int bit = 0; bit < 8; bit++) {
                    crc = (crc >>> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
                }
            }
            return crc;
        }
    };

    /**
     * @param sectors offsets of those that were changed
     */
    abstract void apply(SparseDisk disk, Set<Long> sectors);

    private static String magic(SparseDisk disk, long offset) {
        return new String(disk.bytes(offset, 4).array(), ISO_8859_1);
    }

    private static int crc(Checksum sum, ByteBuffer bytes) {
        sum.update(bytes);
        return (int) sum.getValue();
    }

    private static void putLe(SparseDisk disk, long offset, int value) {
        disk.write(
                offset,
                ByteBuffer.allocate(4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(value)
                        .array());
    }
}
