# Read by packaging/e2e after scratch.sh: a virtual machine with Debian 12, emulated, so that no KVM is needed, and what goes in and out of it.

readonly machine_packages=(
    systemd systemd-sysv dbus udev kmod linux-image-amd64 initramfs-tools iproute2
    libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils default-jre-headless
    e2fsprogs xfsprogs btrfs-progs ntfs-3g lvm2 dosfstools udftools jfsutils fdisk jq procps apt-utils man-db bash-completion
)

# Not the product's fault: an exit code of its own, as for tests whose tools are missing.
cannot_be_tried() {
    echo "${0##*/}: NOT TRIED: $1" >&2
    exit 77
}

# Sets machine_root, machine_kernel and machine_initrd; made once a week, and whenever something else belongs in it.
prepare_machine_root() {
    local cache=${VIRT_SHRINK_E2E_CACHE:-/var/cache/virt-shrink-e2e} key place began=$SECONDS
    key=$(printf '%s\n' "${machine_packages[@]}" "$(date +%G-%V)" "$(declare -f make_machine_root)" | sha256sum | cut -c1-12)
    place=$cache/$key
    mkdir -p -- "$cache" && [ -w "$cache" ] ||
        fail "the machine's root filesystem is kept in $cache, where nothing can be written; name another place: VIRT_SHRINK_E2E_CACHE=DIRECTORY"
    exec {cache_lock}>"$cache/lock"
    flock "$cache_lock"
    if [ ! -e "$place/root.img" ]; then
        echo '== The machine is made: Debian 12'
        # Of an earlier week; another checkout may want another one of this week.
        find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +6 -exec rm -rf -- {} +
        rm -rf -- "$cache/$key.new"
        make_machine_root "$cache/$key.new"
        mv -- "$cache/$key.new" "$place"
        verdict "$began" "kept in $place for this week"
    fi
    exec {cache_lock}>&-
    machine_root=$place/root.img machine_kernel=$place/vmlinuz machine_initrd=$place/initrd.img
}

make_machine_root() {
    local to=$1 tree=$scratch/machine-root said unit IFS=,
    mkdir -p -- "$to" "$tree"
    # The machine has no other devices than these: without all other drivers it starts sooner.
    cat >"$scratch/initramfs" <<'SETUP'
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/modules"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/etc/initramfs-tools/modules"
SETUP
    said=$(mmdebstrap --variant=minbase --essential-hook=". $scratch/initramfs" --include="${machine_packages[*]}" bookworm "$tree" \
        </dev/null 2>&1) ||
        cannot_be_tried "Debian 12 cannot be installed into a directory; are its packages within reach (apt-get update)? mmdebstrap says:"$'\n'"$said"
    echo machine >"$tree/etc/hostname"
    # Nothing in it is reachable from anywhere.
    rm -f -- "$tree/etc/resolv.conf"
    # What is slow there is not broken.
    mkdir -p -- "$tree/etc/systemd/system.conf.d"
    printf '[Manager]\nDefaultTimeoutStartSec=5min\nDefaultTimeoutStopSec=3min\n' >"$tree/etc/systemd/system.conf.d/slow.conf"
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer; do
        ln -s /dev/null "$tree/etc/systemd/system/$unit"
    done
    cat >"$tree/etc/systemd/system/scenarios.service" <<'UNIT'
[Unit]
After=libvirtd.service
[Service]
ExecStart=/bin/sh -c 'mkdir -p /payload && { [ -e /payload/scenarios ] || tar -x -C /payload -f /dev/vdb; } && exec /payload/scenarios'
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/dev/ttyS1
StandardError=inherit
[Install]
WantedBy=multi-user.target
UNIT
    ln -s /etc/systemd/system/scenarios.service "$tree/etc/systemd/system/multi-user.target.wants/scenarios.service"
    cp -- "$tree"/boot/vmlinuz-* "$to/vmlinuz"
    cp -- "$tree"/boot/initrd.img-* "$to/initrd.img"
    truncate -s 12G -- "$to/root.img"
    quietly mkfs.ext4 -q -F -L machine -d "$tree" "$to/root.img"
    rm -rf --one-file-system -- "$tree"
}

# start_machine LOG QEMU-OPTION...: sets machine. Everything that the kernel and the journal say goes to LOG.
start_machine() {
    local log=$1
    shift
    qemu-system-x86_64 -nodefaults -no-user-config -display none -machine q35 -accel tcg,thread=multi -cpu max,la57=off \
        -smp 2 -m 2560 -serial "file:$log" -kernel "$machine_kernel" -initrd "$machine_initrd" "$@" </dev/null &
    machine=$!
}

# wait_for_machine SECONDS: until it powers itself off; otherwise that is its end, and this one's.
wait_for_machine() {
    local end=$((SECONDS + $1)) status=0
    while kill -0 "$machine" 2>/dev/null; do
        if [ "$SECONDS" -ge "$end" ]; then
            kill -KILL "$machine"
            wait "$machine" 2>/dev/null || true
            machine=
            echo "${0##*/}: the machine did not end within $1 s" >&2
            return 1
        fi
        sleep 0.5
    done
    wait "$machine" || status=$?
    machine=
    [ $status -eq 0 ] || echo "${0##*/}: qemu ended with $status" >&2
    return $status
}

# boot_machine PAYLOAD SECONDS: PAYLOAD is a tar file that it unpacks. What the scenarios report is shown while they run and stands in
# $scratch/report.log afterwards, what they leave in $scratch/results.raw.
boot_machine() {
    local shown status=0
    qemu-img create -q -f qcow2 -F raw -b "$machine_root" "$scratch/machine.qcow2"
    truncate -s 2G -- "$scratch/results.raw"
    : >"$scratch/report.log"
    start_machine "$scratch/machine.log" -serial "file:$scratch/report.log" \
        -append 'root=/dev/vda rw console=ttyS0 quiet mitigations=off systemd.journald.forward_to_console=1' \
        -drive "file=$scratch/machine.qcow2,if=virtio,format=qcow2,cache=unsafe" \
        -drive "file=$1,if=virtio,format=raw,read-only=on" \
        -drive "file=$scratch/results.raw,if=virtio,format=raw,cache=unsafe"
    tail --follow --lines=+1 --sleep-interval=0.5 --pid="$machine" "$scratch/report.log" | sed --unbuffered 's/\r$//' &
    shown=$!
    wait_for_machine "$2" || status=$?
    wait "$shown" || true
    return $status
}

# show_machine_log: of what the kernel and the services had to say, the end, but not how the machine was shut down.
show_machine_log() {
    echo "== The machine's log" >&2
    tr -d '\r' <"$scratch/machine.log" | sed '/The system will power off now/,$d' | tail -n 300 >&2
}

# next_version_of PACKAGE FILE: the same package under the next number, with something else in the configuration that it brings.
next_version_of() {
    local tree=$scratch/next
    dpkg-deb --raw-extract "$1" "$tree"
    sed -i 's/^\(Version: .*-\)[0-9]*$/\199/' "$tree/DEBIAN/control"
    echo '# The next version has more to say.' >>"$tree/etc/virt-shrink/virt-shrinkd.toml"
    dpkg-deb --build --root-owner-group "$tree" "$2" >/dev/null
    rm -rf -- "$tree"
}

# make_guest_tree TAR: the least that boots and says so.
make_guest_tree() {
    local tree=$scratch/guest
    mkdir -p -- "$tree"/{bin,sbin,dev,proc,sys,tmp}
    cp -- /bin/busybox "$tree/bin/busybox"
    cat >"$tree/sbin/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox sha256sum -c /manifest >/tmp/checked 2>&1 && sum=match || sum=differ
echo "the guest is up; its files $sum"
/bin/busybox poweroff -f
INIT
    chmod 755 "$tree/sbin/init"
    tar --create --file="$1" --directory="$tree" .
    rm -rf -- "$tree"
}

# boot_guest IMAGE SECONDS: until it powers itself off, having said that its files are those of its manifest.
boot_guest() {
    start_machine "$scratch/guest.log" -append 'root=/dev/vda1 rw console=ttyS0 quiet mitigations=off init=/sbin/init' \
        -drive "file=$1,if=virtio,format=qcow2,cache=unsafe"
    wait_for_machine "$2" && grep -q 'the guest is up; its files match' "$scratch/guest.log" || {
        tail -n 40 "$scratch/guest.log" >&2
        fail 'the shrunk guest has not said that it is up and that its files match'
    }
}
