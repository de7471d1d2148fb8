# Read by the programs of the directory above, after scratch.sh: makes disks as guests leave them. The same calls make the same disk, down to
# the UUIDs, so that two of them differ in what was written to them and nothing else.

readonly root_start_mib=1

# make_disk FILE GIB: a sparse raw disk of that size with a GPT, an empty ext4 root and swap.
make_disk() {
    local root_mib=$(($2 * 1024 - 1024)) device
    truncate -s "$2G" -- "$1"
    sfdisk --quiet --no-reread --no-tell-kernel -- "$1" <<TABLE
label: gpt
label-id: 5b7f4f0c-9f33-4d0e-8a51-3c1c6a2f7d10
start=${root_start_mib}MiB, size=${root_mib}MiB, type=L, name=root, uuid=0f4c2a55-7a3e-4f3d-b9b8-51d7b6c0a001
start=$((root_start_mib + root_mib))MiB, type=S, name=swap, uuid=0f4c2a55-7a3e-4f3d-b9b8-51d7b6c0a002
TABLE
    device=$(attach_partition "$1" 1)
    mkfs.ext4 -q -F -L root -U 7c1e5a3d-0d0b-4a5b-9d59-1f8e6b3a4c01 -E hash_seed=7c1e5a3d-0d0b-4a5b-9d59-1f8e6b3a4c03 "$device"
    losetup --detach "$device"
    device=$(attach_partition "$1" 2)
    mkswap -q -L swap -U 7c1e5a3d-0d0b-4a5b-9d59-1f8e6b3a4c02 "$device"
    losetup --detach "$device"
}

# attach_partition FILE NUMBER [LOSETUP-OPTION...]: a loop device on one partition; prints its name.
attach_partition() {
    local file=$1 number=$2 start sectors
    shift 2
    read -r start sectors < <(sfdisk --dump -- "$file" |
        sed -n 's/.*: start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p' | sed -n "${number}p") ||
        fail "$file has no partition $number"
    losetup --find --show --offset $((start * 512)) --sizelimit $((sectors * 512)) "$@" -- "$file"
}

# mount_root FILE DIRECTORY [OPTIONS]: the loop device ends with the mount.
mount_root() {
    local device options=() read_only=()
    if [ "${3:-}" = ro ]; then
        options=(-o ro,noload)
        read_only=(--read-only)
    fi
    device=$(attach_partition "$1" 1 "${read_only[@]}")
    mkdir -p -- "$2"
    mount "${options[@]}" -t ext4 "$device" "$2" || {
        losetup --detach "$device"
        return 1
    }
    losetup --detach "$device"
}

# check_root FILE: what e2fsck says of the root filesystem; fails unless it is clean and without errors.
check_root() {
    local device status=0
    device=$(attach_partition "$1" 1 --read-only)
    e2fsck -fn "$device" 2>&1 || status=$?
    losetup --detach "$device"
    return $status
}

# unmount_root FILE DIRECTORY: the filesystem must be clean afterwards; another namespace could still hold it.
unmount_root() {
    local device
    umount -- "$2"
    device=$(attach_partition "$1" 1 --read-only)
    if ! dumpe2fs -h "$device" 2>/dev/null | grep -q '^Filesystem state: *clean$' ||
        dumpe2fs -h "$device" 2>/dev/null | grep -q '^Filesystem features:.*needs_recovery'; then
        losetup --detach "$device"
        fail "the filesystem in $1 is still in use after it was unmounted"
    fi
    losetup --detach "$device"
}

# copy_host_tree DIRECTORY MIB: about so much of this host's own files, with owners, times, hard links, attributes and all. What not
# everybody may read stays out.
copy_host_tree() {
    local list=$scratch/files
    # A list of lines: a name with a line break in it is left out. Nothing below a directory that is closed to others either.
    (cd / && find bin sbin lib lib64 etc var/lib/dpkg usr/sbin usr/bin usr/share usr/lib usr/libexec usr/include usr/local -xdev \
        -type d ! -perm -005 -prune -o \
        ! -name $'*\n*' \( -type d -o -type l -o -type f -perm -004 -size -131072 \) -printf '%y %s %p\n' 2>/dev/null || true) |
        awk -v limit="$2" '
            $1 == "f" { bytes += $2; if (bytes > limit * 1048576) exit }
            { sub(/^[^ ]+ [^ ]+ /, ""); print }' >"$list"
    copy_tree / "$1" --no-recursion --verbatim-files-from --files-from="$list"
    rm -- "$list"
}

# copy_tree FROM TO [WHAT...]: everything, unless arguments for tar say what.
copy_tree() {
    local from=$1 to=$2
    shift 2
    [ $# -gt 0 ] || set -- .
    # Status 1: a file changed meanwhile, as files of a living host do; both manifests are taken from the copy.
    { tar --create --directory="$from" --xattrs --xattrs-include='*' --acls --sparse --ignore-failed-read --warning=none "$@" ||
        [ $? -eq 1 ]; } |
        tar --extract --directory="$to" --xattrs --xattrs-include='*' --acls --preserve-permissions --same-owner --numeric-owner \
            --warning=no-timestamp
}

# add_peculiar_files DIRECTORY: what makes copies go wrong.
add_peculiar_files() {
    local home=$1/home/guest i
    mkdir -p "$home/deep/$(printf 'down/%.0s' {1..60})" "$home/many" "$1/dev"
    chmod 2750 "$home/deep"
    printf 'the same inode\n' >"$home/name-1"
    ln "$home/name-1" "$home/name-2"
    ln "$home/name-1" "$home/deep/name-3"
    ln -s nowhere/at/all "$home/dangling"
    ln -s "$(printf 'long/%.0s' {1..200})" "$home/long-link"
    : >"$home/empty"
    printf 'umlaut\n' >"$home/größe und 寸法"
    printf 'line break\n' >"$home/two"$'\n'"lines"
    printf 'old\n' >"$home/before-the-epoch"
    touch -d '1901-12-14 00:00:00.123456789 UTC' "$home/before-the-epoch"
    printf 'not yet\n' >"$home/next-century"
    touch -d '2101-02-03 04:05:06.789 UTC' "$home/next-century"
    truncate -s 100M "$home/sparse"
    printf 'island' | dd of="$home/sparse" bs=1M seek=63 conv=notrunc status=none
    printf 'attributes\n' >"$home/attributes"
    setfattr -n user.note -v 'kept as it is' "$home/attributes"
    setfattr -n user.large -v "$(printf 'x%.0s' {1..3000})" "$home/attributes"
    setfacl -m u:12345:rw,g:54321:r "$home/attributes"
    printf '#!/bin/true\n' >"$home/privileged"
    chown 1234:5678 "$home/privileged"
    chmod 6755 "$home/privileged"
    # cap_net_raw, as ping has it
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$home/privileged"
    mknod "$1/dev/console" c 5 1
    mknod "$1/dev/vda" b 254 0
    mkfifo "$home/pipe"
    for ((i = 0; i < 3000; i++)); do
        echo "$i" >"$home/many/a file with a rather long name to fill the directory, number $i"
    done
}

# write_noise DIRECTORY MIB: files of bytes that nothing can compress or recognise.
write_noise() {
    local noise=$scratch/noise left=$2 piece=64 number=0
    [ -e "$noise" ] || head -c $((piece << 20)) /dev/urandom >"$noise"
    mkdir -p -- "$1"
    while [ "$left" -gt 0 ]; do
        # Files of 512 MiB.
        for ((i = 0; i < 8 && left > 0; i++)); do
            cat -- "$noise"
            left=$((left - piece))
        done >"$1/old-$number"
        number=$((number + 1))
    done
}

# manifest DIRECTORY: everything that can be known of a tree without writing to it, each entry ended by a zero byte.
manifest() (
    cd -- "$1"
    # Kind, mode, owner, size, links, inode, times of modification and of change, name, target.
    find . -printf '%y %m %U:%G %s %n %i %T@ %C@ %p -> %l\0' | sort -z
    find . \( -type b -o -type c \) -exec stat --printf 'device %t:%T %n\0' {} + | sort -z
    find . -print0 | sort -z | xargs -0 -r getfattr --no-dereference --dump --match=- --encoding=hex -- 2>/dev/null | tr '\n' '\0'
    find . -type f -print0 | sort -z | xargs -0 -r sha256sum --zero --
)
