package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import virtshrink.block.BlockSource;

/** A file: its base record, and through its attribute list, where it has one, the records that continue it. */
final class NtfsFile {
    /** Where file records come from. */
    interface Records {
        FileRecord read(long number) throws IOException;
    }

    private final String name;
    private final Records records;
    private final NtfsBootSector boot;
    private final FileRecord base;
    private final List<AttributeRecord> baseAttributes;
    private final Optional<List<AttributeListEntry>> list;

    private NtfsFile(
            String name,
            Records records,
            NtfsBootSector boot,
            FileRecord base,
            List<AttributeRecord> baseAttributes,
            Optional<List<AttributeListEntry>> list) {
        this.name = name;
        this.records = records;
        this.boot = boot;
        this.base = base;
        this.baseAttributes = baseAttributes;
        this.list = list;
    }

    /**
     * @param name for messages
     * @param base the file's first record
     * @param records gives the others, when they are asked for
     * @throws virtshrink.block.CorruptStructureException if that record holds no file
     */
    static NtfsFile open(String name, FileRecord base, Records records, BlockSource volume, NtfsBootSector boot)
            throws IOException {
        if (!base.isInUse() || !base.isBase()) {
            throw base.bytes().corrupt(0x16, "file record %d does not hold %s".formatted(base.number(), name));
        }
        List<AttributeRecord> attributes = base.attributes();
        Optional<List<AttributeListEntry>> list = Optional.empty();
        for (AttributeRecord attribute : attributes) {
            if (attribute.type() == AttributeRecord.ATTRIBUTE_LIST) {
                byte[] value = valueOf(name, attribute, volume, boot);
                list = Optional.of(
                        AttributeListEntry.parseAll(value, attribute.record().offsetBytes() + attribute.at()));
            }
        }
        return new NtfsFile(name, records, boot, base, attributes, list);
    }

    FileRecord base() {
        return base;
    }

    /** The unnamed stream; every file that is not a directory has one. */
    AttributeStream data() throws IOException {
        return attribute(AttributeRecord.DATA, "")
                .orElseThrow(() -> base.bytes().corrupt(0, "%s has no data".formatted(name)));
    }

    /** An attribute that may be in several pieces; empty if the file has none such. */
    Optional<AttributeStream> attribute(int type, String attributeName) throws IOException {
        return attribute(type, attributeName, new RunList(name));
    }

    /**
     * As above.
     *
     * @param runs empty; filled extent by extent, so that the records of later extents may be read with its help
     */
    Optional<AttributeStream> attribute(int type, String attributeName, RunList runs) throws IOException {
        AttributeAssembly assembly = new AttributeAssembly(name, boot, runs);
        if (list.isEmpty()) {
            baseAttributes.stream()
                    .filter(attribute -> attribute.is(type, attributeName))
                    .forEach(assembly::add);
        } else {
            for (AttributeListEntry entry : list.get()) {
                if (entry.type() == type && entry.name().equals(attributeName)) {
                    assembly.add(find(entry));
                }
            }
        }
        return assembly.isEmpty() ? Optional.empty() : Optional.of(assembly.stream());
    }

    private AttributeRecord find(AttributeListEntry entry) throws IOException {
        FileRecord holder = base;
        List<AttributeRecord> candidates = baseAttributes;
        if (entry.record() != base.number()) {
            holder = records.read(entry.record());
            boolean continues = holder.isInUse()
                    && !holder.isBase()
                    && holder.baseRecord() == base.number()
                    && holder.baseSequenceNumber() == base.sequenceNumber();
            if (!continues) {
                throw holder.bytes()
                        .corrupt(0x20, "file record %d does not continue %s".formatted(holder.number(), name));
            }
            candidates = holder.attributes();
        }
        for (AttributeRecord candidate : candidates) {
            if (candidate.is(entry.type(), entry.name())
                    && candidate.lowestVcn() == entry.lowestVcn()
                    && candidate.instance() == entry.instance()
                    && holder.sequenceNumber() == entry.sequenceNumber()) {
                return candidate;
            }
        }
        throw holder.bytes()
                .corrupt(
                        0,
                        "file record %d lacks an attribute 0x%x that the attribute list of %s names"
                                .formatted(holder.number(), entry.type(), name));
    }

    private static byte[] valueOf(String name, AttributeRecord attribute, BlockSource volume, NtfsBootSector boot)
            throws IOException {
        AttributeAssembly assembly = new AttributeAssembly(name, boot, new RunList(name));
        assembly.add(attribute);
        AttributeStream stream = assembly.stream();
        if (stream.dataBytes() > AttributeListEntry.MOST_LIST_BYTES
                || stream.isCompressedOrEncrypted()
                || stream.isSparse()) {
            throw attribute
                    .record()
                    .corrupt(attribute.at(), "attribute list of %d bytes".formatted(stream.dataBytes()));
        }
        ByteBuffer value = ByteBuffer.allocate((int) stream.dataBytes());
        stream.read(volume, boot.clusterBytes(), 0, value);
        return value.array();
    }
}
