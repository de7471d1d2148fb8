#!/bin/bash
# Runs a libvirtd that shares nothing with one of the host: own configuration, state, logs and sockets, all below the directory given.
# Started as the first process of a mount and a process namespace, so that whatever ends it ends every guest with it and undoes its mounts.
#
# usage: private-libvirtd.sh DIRECTORY
#
# Says "ready" when libvirtd answers. Then takes commands on standard input, each answered with "ready" or "gone":
#   restart   ends libvirtd and starts it again; guests keep running
#   kill      ends libvirtd without letting it clean up, and does not start it again
# The end of standard input ends everything.
set -eu
base=$1

mkdir -p "$base"/{etc/qemu,etc/hooks,lib,log/qemu,cache,run}
cat > "$base/etc/libvirtd.conf" <<'CONF'
unix_sock_dir = "/run/libvirt"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
CONF
# Logs go to files directly (there is no virtlogd here); ownership and control groups of the host are left alone.
cat > "$base/etc/qemu.conf" <<'CONF'
stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
CONF

# What is about to be hidden; nothing of this is seen outside.
mkdir -p "$base"/outer/{run,proc}
mount --rbind /run "$base/outer/run"
mount --rbind /proc "$base/outer/proc"
mount -t proc none /proc

# The host may have no /run/libvirt; making one there would be seen outside.
mount -t tmpfs -o mode=0755 none /run
mkdir /run/libvirt
for pair in etc:/etc/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt run:/run/libvirt; do
    mount --bind "$base/${pair%%:*}" "${pair#*:}"
done

start() {
    rm -f /run/libvirt/libvirt-sock
    libvirtd --pid-file /run/libvirt/libvirtd.pid < /dev/null > "$base/libvirtd.out" 2>&1 &
    daemon=$!
    for ((i = 0; i < 300; i++)); do
        if virsh -q -c 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock' version > /dev/null 2>&1; then
            echo ready
            return
        fi
        kill -0 "$daemon" 2> /dev/null || break
        sleep 0.1
    done
    echo "libvirtd did not start: $(tail -n 3 "$base/libvirtd.out" "$base/log/libvirtd.log" 2>&1)"
    exit 1
}

start
while read -r command; do
    case $command in
    restart)
        kill "$daemon" 2> /dev/null || true
        wait "$daemon" 2> /dev/null || true
        start
        ;;
    kill)
        kill -KILL "$daemon" 2> /dev/null || true
        wait "$daemon" 2> /dev/null || true
        echo gone
        ;;
    esac
done
