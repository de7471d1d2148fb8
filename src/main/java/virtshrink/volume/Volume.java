package virtshrink.volume;

import java.util.Optional;
import virtshrink.block.ByteRange;

/**
 * One partition of a disk.
 *
 * @param number as Linux counts: a primary or GPT partition by its slot, from 1; logical partitions from 5
 * @param place where it lies on the disk
 * @param type the table's own word: a GUID in capitals ({@code 0FC63DAF-…}) or an MBR type ({@code 0x83})
 * @param purpose what a partition of this type holds when that is no filesystem, such as a boot loader
 */
public record Volume(int number, ByteRange place, String type, Optional<String> purpose) {}
