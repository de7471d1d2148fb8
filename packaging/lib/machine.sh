# Read by packaging/e2e after scratch.sh: a virtual machine with Debian 12, without KVM if need be, and what goes in and out of it.

readonly machine_packages=(
    systemd systemd-sysv dbus udev kmod linux-image-cloud-amd64 initramfs-tools iproute2
    libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils default-jre-headless
    e2fsprogs xfsprogs btrfs-progs ntfs-3g lvm2 dosfstools fdisk jq procps apt-utils man-db bash-completion
)

# Sets machine_root, machine_kernel and machine_initrd; made once a week, and whenever something else belongs in it.
prepare_machine_root() {
    local cache=${VIRT_SHRINK_E2E_CACHE:-/var/cache/virt-shrink-e2e} key place tree
    key=$(printf '%s\n' "${machine_packages[@]}" "$(date +%G-%V)" "$(declare -f make_machine_root)" | sha256sum | cut -c1-12)
    place=$cache/$key
    mkdir -p -- "$cache"
    exec {cache_lock}>"$cache/lock"
    flock "$cache_lock"
    if [ ! -e "$place/root.img" ]; then
        echo 'Making the machine: Debian 12'
        # Of an earlier week.
        find "$cache" -mindepth 1 -maxdepth 1 -type d -exec rm -rf -- {} +
        make_machine_root "$cache/$key.new"
        mv -- "$cache/$key.new" "$place"
    fi
    exec {cache_lock}>&-
    machine_root=$place/root.img machine_kernel=$place/vmlinuz machine_initrd=$place/initrd.img
}

make_machine_root() {
    local to=$1 tree=$scratch/machine-root IFS=,
    mkdir -p -- "$to" "$tree"
    quietly mmdebstrap --variant=minbase --include="${machine_packages[*]}" bookworm "$tree"
    echo machine >"$tree/etc/hostname"
    # Nothing in it is reachable from anywhere.
    rm -f -- "$tree/etc/resolv.conf"
    cat >"$tree/etc/systemd/system/scenarios.service" <<'UNIT'
[Unit]
After=multi-user.target libvirtd.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /payload && { [ -e /payload/scenarios ] || tar -x -C /payload -f /dev/vdb; } && exec /payload/scenarios'
StandardOutput=file:/dev/ttyS1
StandardError=inherit
ExecStopPost=/bin/systemctl poweroff
[Install]
WantedBy=multi-user.target
UNIT
    ln -s /etc/systemd/system/scenarios.service "$tree/etc/systemd/system/multi-user.target.wants/scenarios.service"
    sed -i 's/^After=.*/After=libvirtd.service/' "$tree/etc/systemd/system/scenarios.service"
    cp -- "$tree"/boot/vmlinuz-* "$to/vmlinuz"
    cp -- "$tree"/boot/initrd.img-* "$to/initrd.img"
    truncate -s 12G -- "$to/root.img"
    quietly mkfs.ext4 -q -F -L machine -d "$tree" "$to/root.img"
    rm -rf --one-file-system -- "$tree"
}

# run_machine LOG SECONDS QEMU-OPTION...: until it powers itself off.
run_machine() {
    local log=$1 seconds=$2 accelerator=tcg,thread=multi
    shift 2
    timeout --kill-after=5 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -display none -machine q35 -accel "$accelerator" -cpu max \
        -smp 2 -m 2560 -serial "file:$log" "$@" </dev/null &
    machine=$!
    wait "$machine" || fail "the machine did not end within $seconds s, or qemu failed; its log: $log"
    machine=
}

# boot_machine PAYLOAD SECONDS: PAYLOAD is a tar file that it unpacks, results stand in $scratch/results.raw afterwards.
boot_machine() {
    qemu-img create -q -f qcow2 -F raw -b "$machine_root" "$scratch/machine.qcow2"
    truncate -s 2G -- "$scratch/results.raw"
    run_machine "$scratch/machine.log" "$2" -serial "file:$scratch/report.log" \
        -kernel "$machine_kernel" -initrd "$machine_initrd" -append 'root=/dev/vda rw console=ttyS0 quiet' \
        -drive "file=$scratch/machine.qcow2,if=virtio,format=qcow2,cache=unsafe" \
        -drive "file=$1,if=virtio,format=raw,read-only=on" \
        -drive "file=$scratch/results.raw,if=virtio,format=raw,cache=unsafe"
}

# read_results DIRECTORY
read_results() {
    mkdir -p -- "$1"
    tar --extract --sparse --directory="$1" --file="$scratch/results.raw" || {
        cat -- "$scratch/report.log"
        fail 'the machine has left no results'
    }
}

# next_version_of PACKAGE FILE: the same package under the next number.
next_version_of() {
    local tree=$scratch/next
    dpkg-deb --raw-extract "$1" "$tree"
    sed -i 's/^\(Version: .*-\)[0-9]*$/\199/' "$tree/DEBIAN/control"
    dpkg-deb --build --root-owner-group "$tree" "$2" >/dev/null
    rm -rf -- "$tree"
}

# make_guest_tree TAR: the least that boots and says so.
make_guest_tree() {
    local tree=$scratch/guest
    mkdir -p -- "$tree"/{bin,sbin,dev,proc,sys}
    cp -- /bin/busybox "$tree/bin/busybox"
    cat >"$tree/sbin/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox sha256sum -c /manifest >/tmp/checked 2>&1 && sum=match || sum=differ
echo "the guest is up; its files $sum"
/bin/busybox poweroff -f
INIT
    mkdir -p "$tree/tmp"
    chmod 755 "$tree/sbin/init"
    tar --create --file="$1" --directory="$tree" .
    rm -rf -- "$tree"
}

# boot_guest IMAGE TEXT SECONDS: until it powers itself off, having said that its files are those of its manifest.
boot_guest() {
    local began=$SECONDS
    run_machine "$scratch/guest.log" "$3" -kernel "$machine_kernel" -initrd "$machine_initrd" \
        -append 'root=/dev/vda1 rw console=ttyS0 quiet init=/sbin/init' -drive "file=$1,if=virtio,format=qcow2,cache=unsafe"
    grep -q "$2; its files match" "$scratch/guest.log" || {
        tail -n 40 "$scratch/guest.log" >&2
        fail "the shrunk guest did not say: $2"
    }
    echo "  ok    $((SECONDS - began)) s: $(grep -o "$2.*" "$scratch/guest.log" | tr -d '\r')"
}
