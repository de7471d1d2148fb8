package virtshrink.volume;

import virtshrink.block.StructureBytes;

/** GPT partition entry: UEFI specification 2.10, section 5.3.3, table 5-6. Nothing is checked here. */
record GptEntry(String partitionTypeGuid, long startingLba, long endingLba) {
    static final int SMALLEST_BYTES = 128;

    static GptEntry parse(StructureBytes array, int at) {
        return new GptEntry(Guid.text(array, at), array.i64le(at + 32), array.i64le(at + 40));
    }

    boolean isUsed() {
        return !partitionTypeGuid.equals(Guid.ZERO);
    }
}
