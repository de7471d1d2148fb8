package virtshrink.inspect;

import virtshrink.block.BlockSource;

/**
 * One disk of a guest, as it is looked at together with the guest's other disks.
 *
 * @param source its bytes; used from the thread that inspects only
 * @param name as the guest's Linux calls it: {@code sda}, {@code vda}, {@code nvme0n1}
 * @param sectorBytes logical sector size that the guest sees, 512 or 4096
 */
public record GuestDisk(BlockSource source, String name, int sectorBytes) {}
