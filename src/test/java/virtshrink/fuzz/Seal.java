package virtshrink.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;
import virtshrink.block.Crc32c;

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
    /** The journal's own sums besides, of version 3, in blocks of 1024 bytes that lie one behind the other. */
    EXT_JOURNAL {
        private static final int BLOCK = 1024;
        private static final int MAGIC = 0xC03B3998;
        private static final int DESCRIPTOR = 1;
        private static final int COMMIT = 2;
        private static final int SUPERBLOCK = 4;
        private static final int REVOKE = 5;
        private static final int TAG_BYTES = 16;

        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            EXT.apply(disk, sectors);
            Optional<Long> head = head(disk);
            if (head.isEmpty()) {
                return;
            }
            int seed = Crc32c.update(-1, disk.bytes(head.get() + 0x30, 16));
            for (long at = head.get() + BLOCK; at < disk.sizeBytes() && !isZero(disk, at); at += BLOCK) {
                if (type(disk, at) == DESCRIPTOR) {
                    sealTags(disk, at, seed);
                }
            }
            for (long sector : sectors) {
                long at = sector / BLOCK * BLOCK;
                switch (type(disk, at)) {
                    case SUPERBLOCK -> sealBlock(disk, at, 0xFC, -1);
                    case COMMIT -> sealBlock(disk, at, 0x10, seed);
                    case REVOKE -> sealBlock(disk, at, BLOCK - 4, seed);
                    default -> {}
                }
            }
        }

        private Optional<Long> head(SparseDisk disk) {
            return disk.usedSectors().stream()
                    .filter(sector -> sector % BLOCK == 0 && type(disk, sector) == SUPERBLOCK)
                    .findFirst();
        }

        private int type(SparseDisk disk, long at) {
            ByteBuffer header = disk.bytes(at, 8).order(ByteOrder.BIG_ENDIAN);
            return header.getInt(0) == MAGIC ? header.getInt(4) : 0;
        }

        private boolean isZero(SparseDisk disk, long at) {
            return disk.bytes(at, BLOCK).equals(ByteBuffer.allocate(BLOCK));
        }

        /** One behind the other: a tag for each logged block, the first with a UUID of 16 bytes. */
        private void sealTags(SparseDisk disk, long descriptor, int seed) {
            ByteBuffer tags = disk.bytes(descriptor, BLOCK).order(ByteOrder.BIG_ENDIAN);
            int sequenceSum = Crc32c.update(seed, disk.bytes(descriptor + 8, 4));
            int flags = 0;
            long data = descriptor + BLOCK;
            for (int at = 12; at + TAG_BYTES <= BLOCK - 4 && (flags & 8) == 0; at += TAG_BYTES) {
                flags = tags.getInt(at + 4);
                ByteBuffer content = disk.bytes(data, BLOCK);
                putBe(disk, descriptor + at + 12, Crc32c.update(sequenceSum, content));
                at += (flags & 2) == 0 ? 16 : 0;
                data += BLOCK;
            }
            sealBlock(disk, descriptor, BLOCK - 4, seed);
        }

        private void sealBlock(SparseDisk disk, long start, int field, int seed) {
            putBe(disk, start + field, 0);
            putBe(disk, start + field, Crc32c.update(seed, disk.bytes(start, BLOCK)));
        }

        private void putBe(SparseDisk disk, long offset, int value) {
            putLe(disk, offset, Integer.reverseBytes(value));
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
        private static final long SUPERBLOCK = 64 << 10;
        private static final long SECOND_SUPERBLOCK = 64 << 20;
        private static final int NODE = 16 << 10;

        @Override
        void apply(SparseDisk disk, Set<Long> sectors) {
            for (long superblock : new long[] {SUPERBLOCK, SECOND_SUPERBLOCK}) {
                putLe(disk, superblock, crc(new CRC32C(), disk.bytes(superblock + 32, 4096 - 32)));
            }
            ByteBuffer fsid = disk.bytes(SUPERBLOCK + 32, 16);
            Set<Long> nodes = new TreeSet<>();
            sectors.forEach(sector -> nodes.add(sector / NODE * NODE));
            nodes.removeAll(Set.of(SUPERBLOCK, SECOND_SUPERBLOCK));
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
            if (entries > 0 && entries < disk.sizeBytes() / 512 && length >= 0 && length < 1 << 20) {
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
