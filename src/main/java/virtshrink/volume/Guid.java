package virtshrink.volume;

import virtshrink.block.StructureBytes;

/** EFI_GUID, UEFI specification, appendix A: the first three fields are little-endian. */
final class Guid {
    static final int BYTES = 16;
    static final String ZERO = "00000000-0000-0000-0000-000000000000";

    private Guid() {}

    /** Registry format in capitals. */
    static String text(StructureBytes bytes, int at) {
        long node = (long) bytes.u16be(at + 10) << 32 | bytes.u32be(at + 12);
        return "%08X-%04X-%04X-%04X-%012X"
                .formatted(bytes.u32le(at), bytes.u16le(at + 4), bytes.u16le(at + 6), bytes.u16be(at + 8), node);
    }
}
