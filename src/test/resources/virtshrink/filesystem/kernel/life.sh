#!/bin/busybox sh
# The first process of the machine that made the images beside this file; README.md says how.
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk crc32_generic crc32c_generic lz4_compress lz4hc_compress zstd_compress nls_ascii nls_utf8 nls_cp437 nls_iso8859-1 fat vfat exfat f2fs; do insmod /mod/$m.ko 2>&1 | grep -v exists; done
sleep 1
text() { yes "file $1" | head -c $2; }
life() { # directory, round
  cd $1
  n=0
  while [ $n -lt 40 ]; do
    mkdir -p d$((n % 5))
    text $n $((300 + n * 811)) > d$((n % 5))/f$2-$n
    n=$((n + 1))
  done
  sync
  n=0
  while [ $n -lt 40 ]; do rm d$((n % 5))/f$2-$n; n=$((n + 3)); done
  sync
  n=1
  while [ $n -lt 40 ]; do text again 1500 | dd of=d$((n % 5))/f$2-$n bs=512 seek=$((n % 13)) count=3 conv=notrunc 2>/dev/null; n=$((n + 6)); done
  text big 600000 > big$2
  sync
  text middle 50000 | dd of=big$2 bs=4k seek=40 conv=notrunc 2>/dev/null
  truncate -s 350001 big$2
  mv d1/f$2-1 d2/moved$2
  cd /
}
sums() { ( cd $1; find . -type f | sort | xargs sha256sum | sed "s/^/SUM $2 /" ); }
# a f2fs unmounted, b f2fs mounted, c f2fs synced, d f2fs preallocated, e vfat32 unmounted, f vfat16 mounted, g vfat32 mounted, h exfat unmounted, i exfat mounted, j fat12 unmounted
for d in a b c d; do r=1; while [ $r -lt 4 ]; do mount -t f2fs /dev/vd$d /mnt; life /mnt $r; sums /mnt $d$r; umount /mnt; r=$((r+1)); done; done
for d in e j; do mount -t vfat /dev/vd$d /mnt; life /mnt 1; sums /mnt $d; umount /mnt; done
mount -t exfat /dev/vdh /mnt; life /mnt 1; umount /mnt; mount -t exfat /dev/vdh /mnt; life /mnt 2; sums /mnt h; umount /mnt
mkdir -p /m/b /m/c /m/d /m/f /m/g /m/i
mount -t f2fs /dev/vdd /m/d; fallocate -l 300000 /m/d/preallocated; umount /m/d
mount -t f2fs /dev/vdb /m/b; mount -t f2fs /dev/vdc /m/c; mount -t vfat /dev/vdf /m/f; mount -t vfat /dev/vdg /m/g; mount -t exfat /dev/vdi /m/i
for d in b f g i; do life /m/$d 5; done
text synced 9000 > /tmp/s; dd if=/tmp/s of=/m/c/synced bs=9000 count=1 conv=fsync 2>/dev/null
dmesg | grep -i -E "error|corrupt" | tail -5
echo DONE
echo o > /proc/sysrq-trigger
sleep 20
