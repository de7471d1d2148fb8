# Read by the programs of the directory above, after prerequisites.sh: a directory for large files that goes away with its program, and
# mounts that nobody else sees.

# Repeats the program in a mount namespace of its own: its mounts cannot be caught (and so kept alive) by other programs' namespaces, and
# vanish with its last process, however that ends. Called with the program's arguments, before anything else.
in_own_mounts() {
    if [ -z "${VIRT_SHRINK_OWN_MOUNTS:-}" ]; then
        [ "$(id -u)" -eq 0 ] || fail 'needs root, for loop devices and mounts'
        VIRT_SHRINK_OWN_MOUNTS=yes exec unshare --mount --propagation slave -- "$BASH" "$0" "$@"
    fi
    unset VIRT_SHRINK_OWN_MOUNTS
}

# make_scratch NAME PARENT: makes the directory $scratch, and removes what a run of the same name left when it was killed. The lock on it
# says that somebody is at home.
make_scratch() {
    local old
    scratch=
    trap 'status=$?; trap - EXIT; at_end || true; remove_scratch; exit $status' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p -- "$2"
    for old in "$2/virt-shrink-$1".*; do
        if [ -d "$old" ] && [ ! -L "$old" ] && [ -O "$old" ]; then
            flock --nonblock "$old" rm -rf --one-file-system -- "$old" || true
        fi
    done
    scratch=$(mktemp -d -- "$2/virt-shrink-$1.XXXXXX")
    exec {scratch_lock}<"$scratch"
    flock --nonblock "$scratch_lock" || fail "$scratch is in use"
}

# What else has to end first; redefined by whoever starts something.
at_end() {
    :
}

remove_scratch() {
    if [ -n "$scratch" ]; then
        umount_below "$scratch"
        rm -rf --one-file-system -- "$scratch"
    fi
}

# Ends the mounts below a directory, the latest first; a loop device that held one goes with it.
umount_below() {
    local place
    findmnt --raw --noheadings --output TARGET | tac | while read -r place; do
        case $(printf '%b' "$place") in
            "$1"/*) umount "$(printf '%b' "$place")" || umount --lazy "$(printf '%b' "$place")" ;;
        esac
    done
}

# free_mib DIRECTORY
free_mib() {
    df --output=avail -B1M -- "$1" | tail -n 1 | tr -d ' '
}

# bytes_on_disk FILE: what the file takes from its host, whatever its length
bytes_on_disk() {
    echo $(($(stat -c '%b * %B' -- "$1")))
}

# human BYTES
human() {
    numfmt --to=iec-i --suffix=B --format='%.2f' -- "$1"
}
